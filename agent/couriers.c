#include "couriers.h"

#include "courier/courier.h"
#include "courier/http_client.h"

int couriers_open(struct couriers *couriers, struct event_base *base, const struct clock *clock,
	const struct secret_dirs *dirs, const char *site)
{
	const struct courier_mqtt_options mqtt = {
		.base = base, .clock = clock, .dirs = dirs, .site = site
	};
	const struct courier_sftp_options sftp = { .base = base, .clock = clock, .dirs = dirs };

	couriers->http = http_client_new(base);
	if (!couriers->http)
		return -1;
	couriers->of[CONFIG_KIND_HTTP] = courier_http_new(couriers->http, dirs);
	couriers->of[CONFIG_KIND_MQTT] = courier_mqtt_new(&mqtt);
	couriers->of[CONFIG_KIND_SFTP] = courier_sftp_new(&sftp);
	for (int kind = 0; kind < CONFIG_KIND_N; kind++)
		if (!couriers->of[kind])
			return -1;
	return 0;
}

void couriers_attach(struct couriers *couriers, struct turn *turn)
{
	courier_mqtt_attach(couriers->of[CONFIG_KIND_MQTT], turn);
}

void couriers_close(struct couriers *couriers)
{
	courier_sftp_free(couriers->of[CONFIG_KIND_SFTP]);
	courier_mqtt_free(couriers->of[CONFIG_KIND_MQTT]);
	courier_http_free(couriers->of[CONFIG_KIND_HTTP]);
	http_client_free(couriers->http);
}
