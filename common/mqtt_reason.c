#include "dray/mqtt_reason.h"

int mqtt_reason_publish_status(int reason)
{
	switch (reason) {
	case 0x00: /* success */
	case 0x10: /* no matching subscribers */
		return 200;
	case 0x87: /* not authorised */
		return 403;
	case 0x90: /* topic name invalid */
	case 0x99: /* payload format invalid */
		return 400;
	case 0x95: /* packet too large */
		return 413;
	case 0x97: /* quota exceeded */
		return 429;
	case 0x9B: /* QoS not supported */
		return 405;
	default: /* 0x80 unspecified, 0x83 implementation specific, 0x91 packet identifier in use */
		return 500;
	}
}

int mqtt_reason_connect_status(int reason)
{
	switch (reason) {
	case 0x04: /* 3.1.1: bad user name or password */
	case 0x86: /* bad user name or password */
	case 0x8C: /* bad authentication method */
		return 401;
	case 0x02: /* 3.1.1: identifier rejected */
	case 0x05: /* 3.1.1: not authorised */
	case 0x85: /* client identifier not valid */
	case 0x87: /* not authorised */
	case 0x8A: /* banned */
		return 403;
	case 0x9D: /* server moved */
		return 301;
	default:
		return 0;
	}
}
