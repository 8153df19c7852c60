/*
 * alert.h - an alert as it is published: one JSON object.
 */
#ifndef DRAY_ALERT_H
#define DRAY_ALERT_H

#include "capture/capture.h"
#include "dray/buf.h"

void alert_render(const struct capture_alert *alert, int64_t now_ms, struct buf *out);

#endif
