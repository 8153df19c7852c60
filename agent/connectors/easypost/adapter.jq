# A tracker that was made or has changed: the event is its status by now. Batches, refunds and what else there
# are webhooks for make none.
def milestones: {
	unknown: "unknown", pre_transit: "label_created", in_transit: "in_transit", out_for_delivery: "out_for_delivery",
	delivered: "delivered", available_for_pickup: "available_for_pickup", return_to_sender: "returning",
	failure: "exception", cancelled: "cancelled", error: "exception"};

def present: with_entries(select(.value != null and .value != ""));

def tracking:
	.result as $tracker
	| ([$tracker.tracking_details // [] | .[] | objects | select(.datetime | type == "string")]
		| max_by(.datetime) // {}) as $last
	| {
		id,
		type: "tracking",
		time: ($last.datetime // $tracker.updated_at // .created_at),
		data: ({
			tracking: $tracker.tracking_code,
			milestone: (milestones[$tracker.status // ""] // "unknown"),
			status: $tracker.status,
			status_detail: $tracker.status_detail,
			description: ($last.message // $last.description),
			carrier: ($tracker.carrier | if . then {name: .} else null end),
			ref: $tracker.shipment_id,
			location: (($last.tracking_location // {})
				| {city, region: .state, postal_code: .zip, country} | present | if . == {} then null else . end),
			eta: $tracker.est_delivery_date,
			signed_by: $tracker.signed_by
		} | present)
	  }
	| present;

if (.payload | type) != "object" or .payload.object != "Event" then
	error("this is no webhook of EasyPost's: it is no Event")
elif .payload.description | tostring | startswith("tracker.") | not then []
elif (.payload.result | type) != "object" or (.payload.result.tracking_code | type) != "string" then error("this event has no result.tracking_code")
else [.payload | tracking] end
