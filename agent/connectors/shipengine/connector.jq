# A ship buys the labels of its packages.
#
#   buy   shipment and label in one request; external_shipment_id is the key, and must be unique
#   seek  the label by that id: the duplicate was refused, or the request is in doubt
#   wait  a label that is still being made

def event: .events[0];
def data: event.data;
def status: .response.status;
def body: .response.body | if type == "object" then . else {} end;
def refuse($code; $message; $field): {reject: {code: $code, message: $message, field: $field}};

def errors: body | (.errors? // []) | if type == "array" then map(objects) else [] end;
def words: [errors[] | .message // empty | tostring] | join("; ") | if . == "" then "no reason given" else . end;
def code: errors[0].error_code // "refused" | tostring;
def is_duplicate:
	errors | any(.error_code == "identifier_conflict"
		or ((.field_name // "" | tostring) + (.message // "" | tostring) | test("external_shipment_id")));

def units: {KGM: "kilogram", GRM: "gram", LBR: "pound", ONZ: "ounce"};
def lengths: {CMT: "centimeter", INH: "inch"};

def service:
	(data.carrier // {}) as $carrier
	| .vars.services["\($carrier.scac)/\($carrier.service)"] // .vars.services[$carrier.scac // ""] // {}
	| {carrier_id: (.carrier // null), service_code: (.service // null)};
def chosen:
	service as $service
	| {carrier_id: ($service.carrier_id // .vars.carrier),
	   service_code: ($service.service_code // .vars.service)};

def address:
	data.ship_to
	| {name, address_line1: .street, city_locality: .city, state_province: (.region // .city),
	   postal_code, country_code: .country}
	+ (if .phone then {phone} else {} end);

def package:
	{ weight: {value: (.weight.value | tonumber), unit: units[.weight.uom]} }
	+ (if .sscc then {external_package_id: .sscc} else {} end)
	+ (if .dimensions.length and .dimensions.width and .dimensions.height
		and lengths[.dimensions.uom // ""] then
		{dimensions: {unit: lengths[.dimensions.uom], length: (.dimensions.length | tonumber),
			width: (.dimensions.width | tonumber), height: (.dimensions.height | tonumber)}}
	   else {} end);

def check_event:
	(data.packages // []) as $packages
	| ($packages | to_entries
	   | map(select(units[.value.weight.uom? // ""] == null or .value.weight.value == null)) | first) as $bare
	| ([("name", "street", "city", "postal_code", "country") as $name
	    | select((data.ship_to // {})[$name] == null) | $name] | first) as $lacks
	| if event.type != "ship" then
		refuse("type_unsupported"; "only ship goes to ShipEngine: route no other type here"; "/type")
	  elif $lacks then refuse("field_missing"; "the address lacks its \($lacks)"; "/data/ship_to/\($lacks)")
	  elif ($packages | length) == 0 then refuse("field_missing"; "there are no packages"; "/data/packages")
	  elif $bare then
		refuse("field_missing"; "a package needs its weight, in KGM, GRM, LBR or ONZ";
			"/data/packages/\($bare.key)/weight")
	  elif chosen.carrier_id == null or chosen.service_code == null then
		refuse("service_unknown";
			"vars.services doesn't know "
			+ "\(data.carrier.scac // "no carrier")/\(data.carrier.service // "no service")";
			"/data/carrier")
	  else empty end;

def buy:
	{send: {path: "/v1/labels",
		body: {label_format: .vars.label_format,
			shipment: (chosen + {external_shipment_id: .key, warehouse_id: .vars.warehouse,
				ship_to: address, packages: [data.packages[] | package]})}},
	 carry: {step: "buy"}};
def seek_request: {method: "GET", path: "/v1/labels/external_shipment_id/\(.key)"};

def cost:
	(.shipment_cost | if type == "object" then . else {} end)
	| if .amount != null and (.currency | type) == "string" then
		{freight_cost: {amount: (.amount | tostring), currency: (.currency | ascii_upcase)}}
	  else {} end;

def booked:
	. as $in
	| body as $made
	| ({ref: $made.label_id, tracking: $made.tracking_number, shipment: data.shipment, document: data.document}
	   | with_entries(select(.value != null))) as $about
	| {done: {ref: $made.label_id, emit: [
		{type: "shipment.booked", data: ($about + (
			if $made.carrier_code then
				{carrier: {name: $made.carrier_code, service: $made.service_code}}
			else {} end) + ($made | cost))},
		{type: "shipment.label", data: ($about + {label_url:
			($made.label_download[$in.vars.label_format]? // $made.label_download.href? // "")})}]}};

# A label as ShipEngine tells of it.
def labelled:
	body.status as $status
	| if body.label_id | type != "string" then {unknown: {reason: "ShipEngine's answer names no label"}}
	  elif $status == "processing" then
		{retry: {after_s: 5, reason: "label \(body.label_id) is being made"},
		 carry: {step: "wait", label: body.label_id}}
	  elif $status == "error" then
		refuse("label_error"; "ShipEngine could not make label \(body.label_id)"; "")
	  else booked end;

def deliver:
	if .response == null and .carry.step == "wait" then
		{send: {method: "GET", path: "/v1/labels/\(.carry.label)"}, carry: .carry}
	elif .response == null and .carry.step == "seek" then {send: seek_request, carry: .carry}
	elif .response == null then first(check_event, buy)
	elif status < 300 then labelled
	elif .carry.step == "buy" and status == 400 and is_duplicate then
		{send: seek_request, carry: {step: "seek", words: words[0:400]}}
	elif .carry.step == "seek" and status == 404 then refuse("identifier_conflict"; .carry.words; "")
	elif .carry.step == "buy" and (status == 400 or status == 404) then refuse(code; words; "")
	elif .carry.step != "buy" and status >= 500 then
		{retry: {reason: "ShipEngine answered \(status)"}, carry: .carry}
	else empty end;

def lookup:
	if .response == null then {send: seek_request, carry: .carry}
	elif status < 300 and (body.label_id | type) == "string" then {done: booked.done}
	elif status < 300 then {unknown: {reason: "ShipEngine's answer names no label"}}
	elif status == 404 then {absent: {}}
	else empty end;

if .op == "lookup" then lookup else deliver end
