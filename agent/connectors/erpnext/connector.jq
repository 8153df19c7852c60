# A receipt becomes a Purchase Receipt against its Purchase Order, a ship (or pick) a Delivery Note
# against its Sales Order:
#
#   map     ERPNext itself maps the order to a new document: prices, accounts, what is still open
#   create  that document with what was counted, the key in a unique field, submitted as it is created
#   seek    the field refused a repeat: which document has the key?
#
# Creating and submitting are one request, so one transaction of ERPNext's: all of it or nothing. When
# it is repeated it is mapped again; the unique field refuses the second, whichever comes first.

def event: .events[0];
def data: event.data;
def status: .response.status;
def body: .response.body | if type == "object" then . else {} end;
def named: body | (.data.name? // null);
# Lists of objects, or null: what can't be read is never taken for "none".
def rows: if type == "array" and all(.[]; type == "object") then . else null end;
def found: body | (.data? // null) | rows | if . == null or all(.[]; .name != null) then . else null end;
def mapped: body | (.message.items? // null) | rows;

def kind:
	if event.type == "receipt" then {
		doctype: "Purchase Receipt", path: "/api/resource/Purchase%20Receipt",
		map: "erpnext.buying.doctype.purchase_order.purchase_order.make_purchase_receipt" }
	elif event.type == .vars.delivery_on then {
		doctype: "Delivery Note", path: "/api/resource/Delivery%20Note",
		map: "erpnext.selling.doctype.sales_order.sales_order.make_delivery_note" }
	else null end;

# What was counted, each with its place in the event.
def lines:
	if (data.packages | type) == "array" and (data.lines | length) == 0 then
		[data.packages | to_entries[] | "/data/packages/\(.key)/lines/" as $at
		 | .value.lines // [] | to_entries[] | .value + {at: "\($at)\(.key)"}]
	else [data.lines // [] | to_entries[] | .value + {at: "/data/lines/\(.key)"}] end
	| map(select((.quantity // "0" | tonumber) > 0));

def is_good: (.condition // "good") == "good";

def refuse($code; $message; $field): {reject: {code: $code, message: $message, field: $field}};

# _server_messages is JSON of a list of JSON texts, made for a browser.
def plain: gsub("<[^>]*>"; " ") | gsub("\\s+"; " ");
def words:
	.response.body
	| if type == "object" then
		([._server_messages // empty | (fromjson? // [])[] | (fromjson? // {message: .})
		  | if type == "object" then .message // empty else tostring end | plain] | join("; "))
		as $told
		| if $told != "" then $told
		  else (.exception // .message // .exc_type // "no reason given" | tostring | plain) end
	  else tostring end;
def problem:
	body
	| .exc_type // (.exception // "" | tostring | split(":")[0] // "" | split(".") | last) // "";
def is_busy:
	problem
	| IN("QueryDeadlockError", "QueryTimeoutError", "TimestampMismatchError", "DocumentLockedError");

# Nothing was applied: an error rolls ERPNext's transaction back.
def refused:
	if is_busy then {retry: {reason: words}, carry: .carry}
	elif status == 404 or status == 417 then refuse(problem; words; "")
	elif (status >= 500 or status < 300) and .carry.step != "create" then
		{retry: {reason: (if status < 300 then "ERPNext's answer can't be read" else words end)},
		 carry: .carry}
	else empty end;

def map:
	{send: {method: "GET", path: "/api/method/\(kind.map)",
		query: {source_name: (data.document.id | tostring)}},
	 carry: {step: "map", sent: (.carry.sent // false)}};

def row($mapped):
	. as $line
	| ($line.quantity | tonumber) as $quantity
	| first($mapped[] | select(.item_code == $line.item.sku))
	| with_entries(select(.value != null and (.key | IN("name", "idx", "owner", "creation", "modified",
		"modified_by", "parent", "parentfield", "parenttype", "docstatus", "amount", "base_amount",
		"net_amount", "base_net_amount", "stock_qty", "received_stock_qty") | not)))
	| with_entries(select(.key | startswith("__") | not))
	| .qty = (if $line | is_good then $quantity else 0 end)
	| if .doctype == "Purchase Receipt Item" then
		.received_qty = $quantity | .rejected_qty = $quantity - .qty
	  else . end
	| if $line.lot then .batch_no = $line.lot | .use_serial_batch_fields = 1 else . end
	| if ($line.serials | length) > 0 then
		.serial_no = ($line.serials | join("\n")) | .use_serial_batch_fields = 1
	  else . end;

def document:
	. as $in
	| .response.body.message as $mapped
	| (event.time | local_time) as $time
	| ($mapped | with_entries(select(.value != null and .value != []))
	   | with_entries(select(.key | (startswith("__") or IN("name", "owner", "creation", "modified",
		"modified_by", "idx", "docstatus")) | not)))
	+ { posting_date: $time[0:10], posting_time: $time[11:19], set_posting_time: 1,
	    docstatus: (if .vars.submit == "no" then 0 else 1 end),
	    items: [lines[] | row($mapped.items)
		| if (.rejected_qty // 0) > 0 then .rejected_warehouse = $in.vars.rejected_warehouse
		  else . end] }
	| .[$in.vars.key_field] = $in.key;

def create:
	. as $in
	| [lines[] | select(.item.sku as $sku | all($in | mapped[]; .item_code != $sku))] as $strange
	| if ($strange | length) > 0 then
		refuse("unknown_item"; "\(data.document.id) has no open line for item \($strange[0].item.sku)";
			$strange[0].at + "/item")
	  else {send: {path: kind.path, body: document}, carry: {step: "create", sent: true}} end;

def seek:
	{send: {method: "GET", path: kind.path,
		query: {filters: ([[.vars.key_field, "=", .key]] | tojson), fields: "[\"name\"]",
			limit_page_length: 2}},
	 carry: (.carry + {step: "seek"})};

def check_event:
	[lines[] | select(is_good | not)] as $bad
	| if kind == null then
		refuse("type_unsupported";
			"only receipt and \(.vars.delivery_on) go to ERPNext: route no other type here"; "/type")
	  elif data.document.id == null then
		refuse("field_missing"; "the order's number is missing"; "/data/document/id")
	  elif (lines | length) == 0 then refuse("field_missing"; "nothing was counted"; "/data/lines")
	  elif ($bad | length) > 0 and (event.type != "receipt" or .vars.rejected_warehouse == null) then
		refuse("condition_unsupported";
			"goods that are \($bad[0].condition) need vars.rejected_warehouse";
			$bad[0].at + "/condition")
	  else empty end;

def deliver:
	if .response == null then first(check_event, map)
	elif .carry.step == "map" then
		if status == 200 and mapped != null then create
		else refused end
	elif .carry.step == "create" then
		if status < 300 and named != null then {done: {ref: named}}
		elif status < 300 then {unknown: {reason: "ERPNext accepted it without naming a document"}}
		elif status == 409 or (problem | IN("UniqueValidationError", "DuplicateEntryError")) then
			{send: seek.send, carry: (seek.carry + {words: words[0:400]})}
		else refused end
	elif status == 200 and (found | length) > 0 then {done: {ref: found[0].name}}
	elif status == 200 and found != null then refuse("not_unique"; .carry.words; "")
	else refused end;

def lookup:
	if .carry.sent | not then {absent: {}}
	elif .response == null then seek
	elif status == 200 and found != null then
		if (found | length) > 0 then {done: {ref: found[0].name}}
		else {absent: {}} end
	elif status == 417 or (problem | IN("DataError", "PermissionError", "OperationalError")) then
		{hold: {reason: "can't look up by the field \(.vars.key_field): \(words)"}}
	elif status < 300 then {unknown: {reason: "ERPNext's answer can't be read"}}
	else empty end;

if .op == "lookup" then lookup else deliver end
