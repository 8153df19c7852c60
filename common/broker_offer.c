#include "dray/broker_offer.h"

#include <inttypes.h>
#include <stdio.h>

bool broker_offer_flaw(const struct broker_offer *offer, int64_t asked_expiry_s, int64_t ack_bytes,
	char *out, size_t size)
{
	if (offer->maximum_qos < 1)
		(void)snprintf(out, size,
			"the broker has no QoS 1: what is on its way when a line breaks is lost; "
			"allow QoS 1 (Mosquitto: max_qos)");
	else if (offer->session_expiry_s >= 0 && offer->session_expiry_s < asked_expiry_s)
		(void)snprintf(out, size,
			"the broker keeps the session for %" PRId64 " s, %" PRId64
			" s were asked for (mqtt.session_expiry): what comes after that is lost",
			offer->session_expiry_s, asked_expiry_s);
	else if (offer->maximum_packet_bytes > 0 && offer->maximum_packet_bytes < ack_bytes)
		(void)snprintf(out, size,
			"the broker takes packets of %" PRId64
			" bytes at most: acks of up to %" PRId64 " bytes don't reach devices",
			offer->maximum_packet_bytes, ack_bytes);
	else if (!offer->retains)
		(void)snprintf(out, size,
			"the broker retains nothing: devices that come later don't see status and "
			"work (Mosquitto: retain_available)");
	else
		return false;
	return true;
}
