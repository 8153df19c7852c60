/*
 * mqtt_reason.h - what a broker says, in HTTP's words.
 *
 * The reason codes are those of MQTT 5.0 (OASIS, 2019), sections 3.2.2.2 (CONNACK) and 3.4.2.1
 * (PUBACK), and the return codes 1 to 5 of MQTT 3.1.1, section 3.2.2.3. They don't overlap.
 *
 * A refused publish was not taken: a 4xx proves it. 0x80, 0x83 and codes that the standard doesn't
 * have say no more than that something failed: 500, tried again.
 *
 * Pure.
 */
#ifndef DRAY_MQTT_REASON_H
#define DRAY_MQTT_REASON_H

/*
 * Of an answer to a publish: 200 accepted (also when nobody subscribes), 400 invalid topic or
 * payload, 403 not authorised, 405 no QoS 1 there, 413 too large, 429 quota, 500.
 */
int mqtt_reason_publish_status(int reason);

/*
 * Of a refused connection: 401 bad credentials, 403 not authorised, banned, client id refused; 301
 * the broker has moved for good. 0: nothing is wrong with us, it may be tried again later.
 */
int mqtt_reason_connect_status(int reason);

#endif
