# A track event says where a shipment is by now, with all that came before: the event is the newest of it.
# Batches, rates and what else there are webhooks for make none.
def milestones: {
	UN: "unknown", NY: "label_created", AC: "accepted", IT: "in_transit", AT: "delivery_attempted",
	SP: "available_for_pickup", DE: "delivered", EX: "exception"};
# Where the detail says more than the status.
def details: {
	OUT_FOR_DELIVERY: "out_for_delivery", RETURN_TO_SENDER: "returning",
	UNDELIVERABLE_RETURNED_TO_SENDER: "returning", CANCELLED: "cancelled"};

def told: if . == null or . == "" then null else . end;
def present: with_entries(select(.value != null));
# The estimate has no zone: it is a day, at its first hour.
def instant: told | if . != null and (test("(Z|[+-]\\d\\d:?\\d\\d)\\z") | not) then . + "Z" else . end;

def tracking:
	.data as $data
	| ([$data.events // [] | .[] | objects | select(.occurred_at | told)] | max_by(.occurred_at) // {}) as $last
	| ($data.status_code // $last.status_code) as $status
	| ($data.status_detail_code // $last.status_detail_code | told) as $detail
	| {
		type: "tracking",
		time: ($last.occurred_at // $data.actual_delivery_date // $data.ship_date | instant),
		data: ({
			tracking: $data.tracking_number,
			milestone: (details[$detail // ""] // milestones[$status // ""] // "unknown"),
			status: $status,
			status_detail: $detail,
			description: ($last.description // $data.carrier_status_description // $data.status_description | told),
			carrier: ($data.carrier_code | told | if . then {name: .} else null end),
			ref: (.resource_url // "" | capture("/labels/(?<id>[^/?]+)").id? // null),
			location: ({city: ($last.city_locality | told), region: ($last.state_province | told),
				postal_code: ($last.postal_code | told), country: ($last.country_code | told)}
				| present | if . == {} then null else . end),
			eta: ($data.estimated_delivery_date | instant),
			delivered_at: ($data.actual_delivery_date | instant),
			signed_by: ($last.signer | told)
		} | present)
	  };

if (.payload | type) != "object" or (.payload.resource_type | type) != "string" then
	error("this is no webhook of ShipEngine's: it has no resource_type")
elif .payload.resource_type | test("\\AAPI_TRACK\\z|\\ATRACK") | not then []
elif (.payload.data | type) != "object" or (.payload.data.tracking_number | type) != "string" then
	error("this track event has no data.tracking_number")
else
	.received as $received
	| .payload | tracking | if .time == null then .time = $received else . end
	| [.]
end
