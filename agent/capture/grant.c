#include "capture/grant.h"

#include <string.h>

#include "log.h"
#include "mqtt/mqtt.h"

#define SENT_BYTES_MAX 4096 /* an ack or an alert, with its topic */

void grant_look(struct grant *grant, struct capture *capture, const struct mqtt *mqtt,
	const struct config *config)
{
	char flaw[sizeof(grant->flaw)] = "";
	bool is_flawed;

	grant->offer = *mqtt_offer(mqtt);
	is_flawed = broker_offer_flaw(&grant->offer, config->mqtt.session_expiry_ms / 1000,
		SENT_BYTES_MAX, flaw, sizeof(flaw));
	if (strcmp(flaw, grant->flaw) == 0)
		return;
	if (is_flawed)
		LOG_WARNING("events may be lost at the broker", LOG_S("why", &flaw[0]));
	capture_alert(capture, &(struct capture_alert){ .severity = "critical",
				       .kind = "broker",
				       .state = is_flawed ? "raised" : "cleared",
				       .message = is_flawed ? flaw : grant->flaw });
	(void)memcpy(grant->flaw, flaw, sizeof(flaw));
}
