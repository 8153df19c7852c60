# Receipts, packs and ships become EPCIS events in one document; GS1-Capture-Error-Behaviour: rollback
# makes it all or nothing:
#
#   capture  202 with a Location: the job
#   job      asked until it no longer runs; success, or its errors
#
# Each EPCIS event has an eventID made of our event's id, so that a repeat is the same events. What
# was captured is found by the eventID of the document's first.

def status: .response.status;
def body: .response.body | if type == "object" then . else {} end;
def refuse($code; $message; $field): {reject: {code: $code, message: $message, field: $field}};

# Digital Link URIs, GS1 Digital Link 1.1 and CBV 2.0 section 8.
def digital_link: "https://id.gs1.org" + .;
def gtin14: (("00000000000000" + .)[-14:]);
def sscc_uri: "/00/\(.)" | digital_link;

def positions: to_entries | map({at: .key} + .value);
def packages: (.data.packages // (if .data.package then [.data.package] else [] end)) | positions;
def own_lines: .data.lines // [] | positions | map(.at = "/data/lines/\(.at)");
def package_lines: .at as $at | .lines // [] | positions | map(.at = "/data/packages/\($at)/lines/\(.at)");
def counted: map(select((.quantity // "0" | tonumber) > 0));

def is_each: . == null or . == "EA" or . == "C62" or . == "H87";

# A line as what EPCIS knows: serial numbers one by one, else a class with a quantity.
def instances: . as $line | [.serials[]? | @uri | "/01/\($line.item.gtin | gtin14)/21/\(.)" | digital_link];
def class($vars):
	if .item.gtin then
		"/01/\(.item.gtin | gtin14)" + (if .lot then "/10/\(.lot | @uri)" else "" end) | digital_link
	else "\($vars.class_uri)\(.item.sku | @uri)" end;
def quantity_element($vars):
	{epcClass: class($vars), quantity: (.quantity | tonumber)}
	+ (if .uom | is_each then {} else {uom: .uom} end);

def epcs: map(select(.item.gtin and (.serials | length) > 0) | instances[]);
def quantities($vars): map(select((.item.gtin and (.serials | length) > 0) | not) | quantity_element($vars));

def some($name): if length > 0 then {($name): .} else {} end;

def event_id($vars; $n):
	(if .id | test("\\A[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\\z") then
		"urn:uuid:\(.id | ascii_downcase)"
	 elif $vars.event_uri then "\($vars.event_uri)\("\(.source)/\(.id)" | @uri)"
	 else null end)
	| if . and $n > 0 then . + "#\($n)" else . end;

def transactions($vars):
	{"purchase_order": "po", "asn": "desadv", "return": "rma"} as $types
	| if $vars.gln and .data.document.id then
		{bizTransactionList: [
			(if $types[.data.document.type // ""] then {type: $types[.data.document.type]} else {} end)
			+ {bizTransaction:
				"urn:epcglobal:cbv:bt:\($vars.gln):\(.data.document.id | tostring | @uri)"}]}
	  else {} end;

def common($vars):
	{eventTime: .time, eventTimeZoneOffset: (.time | local_time | .[-6:]), readPoint: {id: $vars.read_point}}
	+ transactions($vars);

def object($vars; $step; $disposition; $what):
	common($vars) + {type: "ObjectEvent", action: "OBSERVE", bizStep: $step, disposition: $disposition} + $what;

def aggregation($vars; $parent; $lines):
	common($vars)
	+ {type: "AggregationEvent", action: "ADD", parentID: ($parent | sscc_uri),
	   bizStep: "packing", disposition: "in_progress"}
	+ ($lines | (epcs | some("childEPCs")) + (quantities($vars) | some("childQuantityList")));

# What came in: handling units by their SSCC, and what was counted without one.
def received($vars):
	(own_lines | counted) as $lines
	| ([$lines[] | .sscc // empty] | unique | map(sscc_uri)) as $units
	| ($lines | map(select(.sscc == null))) as $loose
	| object($vars; "receiving"; "in_progress";
		($units + ($loose | epcs) | some("epcList")) + ($loose | quantities($vars) | some("quantityList"))
		+ (if $vars.biz_location then {bizLocation: {id: $vars.biz_location}} else {} end));

# What left: packages by their SSCC, and what is in those that have none.
def shipped($vars):
	[packages[] | .sscc // empty | sscc_uri] as $units
	| (if (packages | length) > 0 then [packages[] | select(.sscc == null) | package_lines[]]
	   else own_lines end | counted) as $loose
	| object($vars; "shipping"; "in_transit";
		($units + ($loose | epcs) | some("epcList")) + ($loose | quantities($vars) | some("quantityList")));

def packed($vars):
	(own_lines | counted) as $lines
	| packages[] | .sscc as $sscc | (package_lines | counted) as $inside
	| {parent: $sscc, lines: (if ($inside | length) > 0 then $inside else $lines end)};

def observed($vars):
	. as $event
	| if .type == "receipt" then [received($vars)]
	  elif .type == "ship" then [shipped($vars)]
	  else [packed($vars) | . as $pack | $event | aggregation($vars; $pack.parent; $pack.lines)] end
	| to_entries | map({eventID: (.key as $n | $event | event_id($vars; $n))} + .value);

def all_lines: own_lines + [packages[] | package_lines[]] | counted;

# What is wrong with one event; nothing when it can be told.
def flaw($vars):
	. as $event
	| (all_lines | map(select(.sscc == null and .item.gtin == null
		and ($vars.class_uri == null or .item.sku == null))) | first) as $bare
	| ([packages[] | select(.sscc)] | length) as $units
	| if (.type | IN("receipt", "pack", "ship")) | not then
		{code: "type_unsupported", field: "/type",
		 message: "only receipt, pack and ship are captured: route no other type here"}
	  elif event_id($vars; 0) == null then
		{code: "event_id", message: "the id is no UUID: set vars.event_uri", field: "/id"}
	  elif .type == "pack" and ($units == 0 or $units < (packages | length)) then
		{code: "field_missing", message: "a package needs its SSCC", field: "/data/package/sscc"}
	  elif $bare and (.type != "ship" or $units == 0 or $units < (packages | length)) then
		{code: "gtin_missing", message: "an item without a GTIN needs vars.class_uri",
		 field: ($bare.at + "/item/gtin")}
	  elif observed($vars)
		| any(.[]; (.epcList // .quantityList // .childEPCs // .childQuantityList) == null) then
		{code: "field_missing", message: "there is nothing to tell of", field: "/data/lines"}
	  else empty end;

# One that can't be told is refused by itself: the others' document must not depend on it.
def check_events:
	. as $in
	| [.events[] | . as $event | ([flaw($in.vars)] | first // null) | {id: $event.id, flaw: .}] as $flaws
	| if all($flaws[]; .flaw == null) then empty
	  elif ($flaws | length) == 1 then {reject: $flaws[0].flaw}
	  else {results: [$flaws[] | if .flaw then {id, reject: .flaw}
		else {id, retry: {after_s: 0, reason: "was together with an event that can't be told"}} end]} end;

def capture:
	. as $in
	| {send: {path: "/capture",
		headers: {"GS1-EPCIS-Version": "2.0.0", "GS1-CBV-Version": "2.0.0",
			"GS1-Capture-Error-Behaviour": "rollback"},
		body: {"@context": ["https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"],
			type: "EPCISDocument", schemaVersion: "2.0",
			creationDate: (.events[-1] | .receivedtime // .time),
			epcisBody: {eventList: [.events[] | observed($in.vars)[]]}}},
	   carry: {step: "capture"}};
def job: {send: {method: "GET", path: "/capture/\(.carry.job)"}, carry: .carry};

# The words of a problem (RFC 7807), or of a list of them.
def problem:
	if type == "object" then [.title, .detail] | map(select(. != null) | tostring) | unique | join(": ")
	else tostring end;
def name: if type == "object" then .type // "" | tostring | split(":") | last // "" else "" end;
def or_else($word): if . == null or . == "" then $word else . end;
def refused:
	if (body.errors | type) == "array" and (body.errors | length) > 0 then
		refuse(body.errors[0] | name | or_else("capture_failed");
			body.errors | map(problem) | unique | join("; ")
			| or_else("the capture job failed and doesn't say why"); "")
	else refuse(body | name | or_else("capture_failed"); body | problem | or_else("no reason given"); "") end;

def location:
	(.response.headers.location // "" | capture("/capture/(?<job>[^/?#]+)") | .job) // null;

# All or nothing was captured: the first event tells for all.
def first_id: .vars as $vars | .events[0] | event_id($vars; 0);
def seek_request:
	{method: "GET", path: "/events/\(first_id | @uri)", headers: {"GS1-EPCIS-Version": "2.0.0"}};
def is_found: first_id as $id | status == 200 and (.response.body | tostring | contains($id));

# An event that is there already: ours, when it is the only one. Of several, each is sent by itself.
def is_there: status == 409 or (refused.reject.code == "ResourceAlreadyExistsException");
def seek_or_refuse:
	if is_there and (.events | length) == 1 then
		{send: seek_request, carry: {step: "seek", words: refused.reject.message[0:400]}}
	else refused end;

def on_capture:
	location as $job
	| if status == 202 and $job then .carry = {step: "job", job: $job} | job
	  elif status < 300 then {unknown: {reason: "accepted, and no job is named"}}
	  elif status == 400 or status == 413 or status == 415 or status == 422 or status == 409 then
		seek_or_refuse
	  else empty end;

def on_job:
	if status == 200 and (body | has("running")) then
		if body.running == true then
			{retry: {after_s: 2, reason: "capture job \(.carry.job) is running"}, carry: .carry}
		elif body.success == true then {done: {ref: .carry.job}}
		else seek_or_refuse end
	elif status == 404 or status < 300 then {unknown: {reason: "capture job \(.carry.job) can't be read"}}
	elif status >= 500 then {retry: {reason: "answered \(status)"}, carry: .carry}
	else empty end;

def on_seek:
	if is_found then {done: {ref: first_id}}
	elif status == 404 then refuse("ResourceAlreadyExistsException"; .carry.words; "")
	elif status < 300 or status >= 500 then {retry: {reason: "the event can't be read now"}, carry: .carry}
	else empty end;

def deliver:
	if .response == null then
		if .carry.step == "job" then job
		elif .carry.step == "seek" then {send: seek_request, carry: .carry}
		else first(check_events, capture) end
	elif .carry.step == "capture" then on_capture
	elif .carry.step == "job" then on_job
	else on_seek end;

def lookup:
	if .response == null then {send: seek_request, carry: .carry}
	elif is_found then {done: {ref: first_id}}
	elif status == 404 then {absent: {}}
	elif status < 300 then {unknown: {reason: "the answer doesn't show event \(first_id)"}}
	else empty end;

if .op == "lookup" then lookup else deliver end
