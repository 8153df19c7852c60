/*
 * broker_offer.h - what a broker grants in its CONNACK (MQTT 5, section 3.2.2.3), held against what dray needs.
 */
#ifndef DRAY_BROKER_OFFER_H
#define DRAY_BROKER_OFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of MQTT 3.1.1, where nothing is said, as of absent properties. */
struct broker_offer {
	int64_t session_expiry_s;     /* -1: as asked */
	unsigned receive_maximum;     /* 1..65535 */
	int64_t maximum_packet_bytes; /* 0: no limit */
	int maximum_qos;              /* 0..2 */
	bool retains;
};
#define BROKER_OFFER_ABSENT                                                         \
	{                                                                           \
		.session_expiry_s = -1, .receive_maximum = 65535, .maximum_qos = 2, \
		.retains = true                                                     \
	}

/* What is known of the broker, for whoever asks. Texts are borrowed. */
struct broker_view {
	bool is_up;
	const char *reason;        /* why not; "" when it is */
	const char *version;       /* "mosquitto version 2.0.11"; "" it doesn't say */
	const char *flaw;          /* of the offer: broker_offer_flaw(); "" none */
	int protocol_level;        /* 5 or 4 */
	struct broker_offer offer; /* of the last connection */
};

/*
 * What may be lost by it.
 *
 * asked_expiry_s  mqtt.session_expiry.
 * ack_bytes       the largest packet that dray sends to it.
 * Returns         false when all is well, else a sentence in `out`.
 */
bool broker_offer_flaw(const struct broker_offer *offer, int64_t asked_expiry_s, int64_t ack_bytes,
	char *out, size_t size);

#endif
