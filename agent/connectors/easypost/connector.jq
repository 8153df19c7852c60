# A ship buys the label of its package. EasyPost has no idempotency key, and needs none:
#
#   create  a shipment with its rates; it costs nothing, and one that is never bought is no booking
#   buy     that shipment, at the rate that was chosen; a shipment is bought once, a repeat is
#           refused as SHIPMENT.POSTAGE.EXISTS
#   seek    the shipment: it has a label when it was bought
#
# So shipment and rate are kept before `buy` leaves, and only `buy` can leave a doubt.

def event: .events[0];
def data: event.data;
def status: .response.status;
def body: .response.body | if type == "object" then . else {} end;
def refuse($code; $message; $field): {reject: {code: $code, message: $message, field: $field}};

def error: body | (.error? // {}) | if type == "object" then . else {message: tostring} end;
def code: error | .code // "refused" | tostring;
def words:
	error
	| ([.errors[]?
	    | if type == "object" then [.field, .message] | map(select(. != null) | tostring) | join(" ")
	      else tostring end]
	   | join("; ")) as $details
	| (.message // "no reason given" | tostring) + (if $details != "" then ": \($details)" else "" end);

# EasyPost wants ounces, one decimal of them.
def ounces: {ONZ: 1, LBR: 16, GRM: 0.0352739619, KGM: 35.2739619};
def inches: {INH: 1, CMT: 0.3937007874};
def tenth: . * 10 | ceil / 10;

def service:
	(data.carrier // {}) as $carrier
	| .vars.services["\($carrier.scac)/\($carrier.service)"] // .vars.services[$carrier.scac // ""]
	  // {carrier: .vars.carrier, service: .vars.service};

def address:
	data.ship_to
	| {name, street1: .street, city, state: .region, zip: .postal_code, country, phone, email}
	| with_entries(select(.value != null));

def parcel:
	data.packages[0]
	| {weight: ((.weight.value | tonumber) * ounces[.weight.uom] | tenth)}
	+ (inches[.dimensions.uom? // ""] as $inch
	   | if $inch and .dimensions.length and .dimensions.width and .dimensions.height then
		(.dimensions | {length, width, height} | map_values(tonumber * $inch | tenth))
	     else {} end);

def check_event:
	(data.packages // []) as $packages
	| ([("name", "street", "city", "postal_code", "country") as $name
	    | select((data.ship_to // {})[$name] == null) | $name] | first) as $lacks
	| if event.type != "ship" then
		refuse("type_unsupported"; "only ship goes to EasyPost: route no other type here"; "/type")
	  elif $lacks then refuse("field_missing"; "the address lacks its \($lacks)"; "/data/ship_to/\($lacks)")
	  elif ($packages | length) == 0 then refuse("field_missing"; "there are no packages"; "/data/packages")
	  elif ($packages | length) > 1 then
		refuse("too_many_packages";
			"an EasyPost shipment has one package; this has \($packages | length)"; "/data/packages")
	  elif ounces[$packages[0].weight.uom? // ""] == null or $packages[0].weight.value == null then
		refuse("field_missing"; "a package needs its weight, in KGM, GRM, LBR or ONZ";
			"/data/packages/0/weight")
	  elif service.service == null then
		refuse("service_unknown";
			"vars.services doesn't know "
			+ "\(data.carrier.scac // "no carrier")/\(data.carrier.service // "no service")";
			"/data/carrier")
	  else empty end;

def create:
	{send: {path: "/v2/shipments", body: {shipment: (
		{reference: .key, to_address: address, from_address: {id: .vars.from_address}, parcel: parcel}
		+ (if .vars.carrier_accounts then {carrier_accounts: .vars.carrier_accounts} else {} end))}},
	 carry: {step: "create"}};
def buy:
	{send: {path: "/v2/shipments/\(.carry.shipment)/buy", body: {rate: {id: .carry.rate}}},
	 carry: (.carry + {step: "buy"})};
def seek_request: {method: "GET", path: "/v2/shipments/\(.carry.shipment)"};

# The cheapest rate of the service that is wanted.
def on_create:
	. as $in
	| if status >= 300 then
		if status == 422 or status == 400 then refuse(code; words; "")
		elif status >= 500 then {retry: {reason: "EasyPost answered \(status)"}, carry: .carry}
		else empty end
	  elif body.id == null or (body.rates | type) != "array" then
		{retry: {reason: "EasyPost's answer names no shipment"}, carry: .carry}
	  else service as $service
		| [body.rates[] | objects | select(.service == $service.service
			and ($service.carrier == null or .carrier == $service.carrier))]
		| sort_by(.rate | tonumber? // infinite) | first // null
		| . as $rate
		| if $rate == null then
			([$in | body.messages[]? | .message? // empty | tostring] | join("; ")) as $why
			| refuse("no_rate"; "EasyPost offers no rate for "
				+ "\($service.carrier // "any carrier") \($service.service): \($why)"; "/data/carrier")
		  else $in | .carry = {shipment: body.id, rate: $rate.id} | buy end end;

def booked:
	body as $made
	| ({ref: $made.id, tracking: $made.tracking_code, shipment: data.shipment, document: data.document}
	   | with_entries(select(.value != null))) as $about
	| {done: {ref: $made.id, emit: [
		{type: "shipment.booked", data: ($about
			+ (if ($made.selected_rate.rate? // null) != null then
				{carrier: {name: $made.selected_rate.carrier, service: $made.selected_rate.service},
				 freight_cost: {amount: ($made.selected_rate.rate | tostring),
					currency: $made.selected_rate.currency}}
			   else {} end))},
		{type: "shipment.label", data: ($about + {label_url: $made.postage_label.label_url})}]}};
def is_bought: body.id == .carry.shipment and (body.postage_label.label_url? // null) != null;

def on_buy:
	if status < 300 and is_bought then booked
	elif status < 300 then {unknown: {reason: "EasyPost's answer has no label"}}
	elif status == 400 or status == 409 or status == 422 then
		if code == "SHIPMENT.POSTAGE.EXISTS" then {send: seek_request, carry: (.carry + {step: "seek"})}
		elif code == "SHIPMENT.PURCHASE.IN_PROGRESS" or code == "SHIPMENT.POSTAGE.NO_RESPONSE"
			or code == "SHIPMENT.POSTAGE.TIMED_OUT" then {unknown: {reason: "\(code): \(words)"}}
		else refuse(code; words; "") end
	else empty end;

def deliver:
	if .response == null then
		if .carry.step == "buy" then buy
		elif .carry.step == "seek" then {send: seek_request, carry: .carry}
		else first(check_event, create) end
	elif .carry.step == "create" then on_create
	elif .carry.step == "buy" then on_buy
	elif status < 300 and is_bought then booked
	elif status < 300 then {unknown: {reason: "EasyPost says it was bought, and shows no label"}}
	elif status >= 500 then {retry: {reason: "EasyPost answered \(status)"}, carry: .carry}
	else empty end;

def lookup:
	if .carry.shipment == null then {absent: {}}
	elif .response == null then {send: seek_request, carry: .carry}
	elif status < 300 and is_bought then booked
	elif status < 300 and body.id == .carry.shipment then {absent: {}}
	elif status < 300 then {unknown: {reason: "EasyPost's answer is no shipment"}}
	else empty end;

if .op == "lookup" then lookup else deliver end
