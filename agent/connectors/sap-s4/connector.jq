# A receipt against a purchase order becomes a material document: one request, one posting.
#
#   post  header and items together; MaterialDocumentHeaderText is the key, as much as fits: 25 of 32
#   seek  the material document with that text
#
# Where the gateway keeps repeatable requests, RequestID makes it refuse a repeat: "outdated" means
# that it has had this one, and the document proves whether it was posted.

def event: .events[0];
def data: event.data;
def status: .response.status;
def body: .response.body | if type == "object" then . else {} end;
def refuse($code; $message; $field): {reject: {code: $code, message: $message, field: $field}};

def lines:
	[data.lines // [] | to_entries[] | .value + {at: "/data/lines/\(.key)"}]
	| map(select((.quantity // "0" | tonumber) > 0));

def error: body | (.error? // {}) | if type == "object" then . else {} end;
def words: error | .message // "no reason given" | if type == "object" then .value // tojson else . end | tostring;
def code: error | .code // "refused" | tostring;
def is_locked: words | test("locked by|is being processed by|gesperrt"; "i");
def is_outdated: words | test("request ?id.*outdated|outdated.*request ?id"; "i");

def service: "/sap/opu/odata/sap/API_MATERIAL_DOCUMENT_SRV/A_MaterialDocumentHeader";
def client: if .vars.client then {"sap-client": (.vars.client | tostring)} else {} end;
def text: .key[0:25];
def ref: "\(.MaterialDocument)/\(.MaterialDocumentYear)";

def item($in):
	{ Plant: ($in.vars.plant | tostring), GoodsMovementType: ($in.vars.movement_type | tostring),
	  GoodsMovementRefDocType: "B", PurchaseOrder: ($in | data.document.id | tostring),
	  PurchaseOrderItem: (.line | tostring), Material: .item.sku, QuantityInEntryUnit: .quantity }
	+ (if .uom then {EntryUnit: ($in.vars.units[.uom] // .uom)} else {} end)
	+ (if $in.vars.storage_location then {StorageLocation: ($in.vars.storage_location | tostring)} else {} end)
	+ (if .lot and $in.vars.lot_is_batch == "yes" then {Batch: .lot} else {} end)
	+ (if ($in | data.final) == true then {IsCompletelyDelivered: true} else {} end);

def post:
	. as $in
	| "/Date(\(event.time | local_date + "T00:00:00Z" | fromdateiso8601 * 1000))/" as $date
	| {send: {path: service, query: client,
		headers: ({Accept: "application/json"}
			+ if .vars.repeatable == "yes" then
				{RequestID: (.key | ascii_upcase), RepeatabilityCreation: event.time[0:19]}
			  else {} end),
		body: {GoodsMovementCode: "01", PostingDate: $date, DocumentDate: $date,
			ReferenceDocument: (data.document.id | tostring | .[0:16]),
			MaterialDocumentHeaderText: text,
			to_MaterialDocumentItem: [lines[] | item($in)]}},
	   carry: {step: "post"}};

def seek_request:
	{method: "GET", path: service, headers: {Accept: "application/json"},
	 query: (client + {"$filter": "MaterialDocumentHeaderText eq '\(text)'",
		"$select": "MaterialDocument,MaterialDocumentYear", "$top": 2})};
# A list of documents, or null: what can't be read is never taken for "none".
def found:
	body | (.d.results? // null)
	| if type == "array" and all(.[]; (.MaterialDocument? // null) != null) then . else null end;

def check_event:
	(lines | map(select((.condition // "good") != "good")) | first) as $bad
	| (lines | map(select(.line == null or .item.sku == null)) | first) as $bare
	| if event.type != "receipt" or (data.document.type // "purchase_order") != "purchase_order" then
		refuse("type_unsupported";
			"only receipts of purchase orders go to SAP: route nothing else here"; "/type")
	  elif data.document.id == null then
		refuse("field_missing"; "the order's number is missing"; "/data/document/id")
	  elif (lines | length) == 0 then refuse("field_missing"; "nothing was counted"; "/data/lines")
	  elif $bare then
		refuse("field_missing"; "the order's item number and the material are needed"; $bare.at)
	  elif $bad then
		refuse("condition_unsupported"; "goods that are \($bad.condition) are for a person";
			$bad.at + "/condition")
	  else empty end;

def on_post:
	if status == 201 and (body | .d.MaterialDocument? // null) != null then {done: {ref: (body.d | ref)}}
	elif status < 300 then {unknown: {reason: "SAP answered \(status) without a material document"}}
	elif status >= 400 and is_outdated then {send: seek_request, carry: {step: "seek"}}
	elif status == 400 and is_locked then {retry: {reason: words}, carry: .carry}
	elif status == 400 then refuse(code; words; "")
	else empty end;

def deliver:
	if .response == null and .carry.step == "seek" then {send: seek_request, carry: .carry}
	elif .response == null then first(check_event, post)
	elif .carry.step == "post" then on_post
	elif status == 200 and (found | length) > 0 then {done: {ref: (found[0] | ref)}}
	elif status == 200 and found != null then
		{unknown: {reason: "SAP has had this request, and has no document of it"}}
	elif status < 300 then {unknown: {reason: "SAP's answer can't be read"}}
	elif status >= 500 then {retry: {reason: "SAP answered \(status)"}, carry: .carry}
	else empty end;

def lookup:
	if .response == null then {send: seek_request, carry: .carry}
	elif status == 200 and found != null then
		if (found | length) > 0 then {done: {ref: (found[0] | ref)}} else {absent: {}} end
	elif status < 300 then {unknown: {reason: "SAP's answer can't be read"}}
	else empty end;

if .op == "lookup" then lookup else deliver end
