# A receipt is posted against its purchase order, a ship against its sales order. API v2.0 has no
# receipt that can be created: the order's lines say how much to receive, and a bound action posts:
#
#   find   the order and its lines, with what was received until now
#   patch  each line, guarded by its ETag: what was counted, and 0 for all others; nothing to invoice
#   post   the bound action
#   check  the lines again: what was received is the proof, for the action answers an error though it
#          has posted (it looks for the invoice that was not to be made)
#
# carry.lines: {id, etag, want, before}. A repeat of `post` begins with `patch`: when the first one has
# posted after all, the ETags are stale and Business Central refuses.

def event: .events[0];
def data: event.data;
def status: .response.status;
def body: .response.body | if type == "object" then . else {} end;
# Lists of objects, or null: what can't be read is never taken for "none".
def rows: if type == "array" and all(.[]; type == "object") then . else null end;
def value: body | (.value? // null) | rows;
def refuse($code; $message; $field): {reject: {code: $code, message: $message, field: $field}};
def again($reason): {retry: {reason: $reason}, carry: .carry};

def kind:
	if event.type == "receipt" then {
		orders: "purchaseOrders", lines: "purchaseOrderLines",
		want: "receiveQuantity", done: "receivedQuantity", action: "receiveAndInvoice" }
	elif event.type == "ship" then {
		orders: "salesOrders", lines: "salesOrderLines",
		want: "shipQuantity", done: "shippedQuantity", action: "shipAndInvoice" }
	else null end;

def lines:
	if (data.packages | type) == "array" and (data.lines | length) == 0 then
		[data.packages | to_entries[] | "/data/packages/\(.key)/lines/" as $at
		 | .value.lines // [] | to_entries[] | .value + {at: "\($at)\(.key)"}]
	else [data.lines // [] | to_entries[] | .value + {at: "/data/lines/\(.key)"}] end
	| map(select((.quantity // "0" | tonumber) > 0));

# The orders that were found, each with its lines.
def orders:
	kind.lines as $lines
	| value | if . != null and all(.[]; .[$lines] | rows != null) then . else null end;

def error_code: body | (.error.code? // "refused" | tostring);
def words: body | (.error.message? // "no reason given" | tostring);

def company: "/companies(\(.vars.company))";
def find:
	{send: {method: "GET", path: "\(company)/\(kind.orders)",
		query: {"$filter": "number eq '\(data.document.id | tostring | gsub("'"; "''"))'",
			"$expand": kind.lines}},
	 carry: ((.carry // {posted: false, tries: 0}) + {step: "find"})};
def patch:
	.carry.at as $at | .carry.lines[$at] as $line
	| {send: {method: "PATCH", path: "\(company)/\(kind.lines)(\($line.id))",
		headers: {"If-Match": $line.etag}, body: {(kind.want): $line.want, invoiceQuantity: 0}},
	   carry: (.carry + {step: "patch"})};
def post:
	{send: {path: "\(company)/\(kind.orders)(\(.carry.order))/Microsoft.NAV.\(kind.action)", body: {}},
	 carry: (.carry + {step: "post", posted: true})};
def check:
	{send: {method: "GET", path: "\(company)/\(kind.orders)(\(.carry.order))/\(kind.lines)"},
	 carry: (.carry + {step: "check"})};

# How far the lines are: "all" of what is wanted, "none" of it, or neither.
def near($a; $b): ($a - $b) < 0.000001 and ($b - $a) < 0.000001;
def progress($rows):
	. as $in
	| [.carry.lines[] | select(.want > 0) | . as $line
	   | ([$rows[] | select(.id == $line.id)] | first | .[$in | kind.done]? // null) as $now
	   | if $now == null then "lost"
	     elif near($now; $line.before + $line.want) then "all"
	     elif near($now; $line.before) then "none"
	     else "other" end]
	| unique | if length == 1 then .[0] else "other" end;

# The lines that must be written, those with a quantity last: once all are written, post.
def plan($order):
	. as $in
	| kind as $kind
	| [$order[$kind.lines][]? | select(.lineType == "Item")] as $rows
	| reduce lines[] as $line ({taken: {}, strange: null};
		([$rows[] | select(.lineObjectNumber == $line.item.sku)] | first // null) as $row
		| if $row == null then .strange = (.strange // $line)
		  else .taken[$row.id] += ($line.quantity | tonumber) end)
	| if .strange then
		refuse("unknown_item"; "\($in | data.document.id) has no line for item \(.strange.item.sku)";
			.strange.at + "/item")
	  else .taken as $taken
		| [$rows[]
		   | ($taken[.id] // 0) as $want
		   | {id, etag: .["@odata.etag"], want: $want, before: (.[$kind.done] // 0),
		      is_set: ((.[$kind.want] // 0) == $want and (.invoiceQuantity // 0) == 0)}
		   | select(.want > 0 or (.is_set | not))]
		| sort_by(.want) as $lines
		| $in | .carry = {order: $order.id, at: 0, posted: .carry.posted, tries: .carry.tries,
			lines: ($lines | map(del(.is_set)))} | patch end;

def check_event:
	[lines[] | select((.condition // "good") != "good")] as $bad
	| if kind == null then
		refuse("type_unsupported";
			"only receipt and ship go to Business Central: route no other type here"; "/type")
	  elif data.document.id == null then
		refuse("field_missing"; "the order's number is missing"; "/data/document/id")
	  elif (lines | length) == 0 then refuse("field_missing"; "nothing was counted"; "/data/lines")
	  elif ($bad | length) > 0 then
		refuse("condition_unsupported"; "goods that are \($bad[0].condition) are for a person";
			$bad[0].at + "/condition")
	  else empty end;

def ask:
	if .carry == null then first(check_event, find)
	elif .carry.step == "find" then find
	elif .carry.step == "check" then check
	elif .carry.step == "post" then .carry.at = 0 | patch
	else patch end;

# A line is not as it was read: read all of them again.
def reread:
	if .carry.tries >= 5 then
		{retry: {after_s: 60, reason: "the order's lines keep changing under us"},
		 carry: (.carry + {step: "find", tries: 0})}
	else .carry.tries += 1 | find end;

def not_read:
	if status >= 500 then again("Business Central answered \(status)")
	elif status < 300 then again("Business Central's answer can't be read")
	elif status == 400 then refuse(error_code; words; "")
	else empty end;

def on_find:
	if status != 200 or orders == null then not_read
	elif (orders | length) == 0 then
		if .carry.posted then {unknown: {reason: "\(data.document.id) is gone since it was posted"}}
		else refuse("unknown_document"; "Business Central has no open order \(data.document.id)";
			"/data/document/id") end
	elif .carry.posted then
		progress(orders[0][kind.lines]) as $progress
		| if $progress == "all" then {done: {ref: (data.document.id | tostring)}}
		  elif $progress == "none" then plan(orders[0])
		  else {unknown: {reason: "the lines show neither all nor nothing of what was to be posted"}} end
	else plan(orders[0]) end;

def on_patch:
	if status == 409 or status == 412 then reread
	elif status < 300 then
		.carry.lines[.carry.at].etag = (body["@odata.etag"] // .carry.lines[.carry.at].etag)
		| .carry.at += 1
		| if .carry.at < (.carry.lines | length) then patch else post end
	else not_read end;

def on_post:
	if status < 300 then .carry.words = "answered \(status)" | check
	elif status == 400 or status == 404 or status == 409 or status == 412 or status == 422 then
		.carry += {code: error_code, words: words[0:400]} | check
	else empty end;

def on_check:
	if status != 200 or value == null then not_read
	else progress(value) as $progress
		| if $progress == "all" then {done: {ref: (data.document.id | tostring)}}
		  elif $progress == "none" and .carry.code then refuse(.carry.code; .carry.words; "")
		  else {unknown: {reason:
			"posting \(.carry.words), but the lines show neither all nor nothing of it"}} end
	end;

def deliver:
	if .response == null then ask
	elif .carry.step == "find" then on_find
	elif .carry.step == "patch" then on_patch
	elif .carry.step == "post" then on_post
	else on_check end;

def lookup:
	if .carry.posted | not then {absent: {}}
	elif .response == null then {send: check.send, carry: .carry}
	elif status == 200 and value != null then
		progress(value) as $progress
		| if $progress == "all" then {done: {ref: (data.document.id | tostring)}}
		  elif $progress == "none" then {absent: {}}
		  else {unknown: {reason: "the lines show neither all nor nothing of what was to be posted"}} end
	elif status == 404 then {unknown: {reason: "\(data.document.id) is gone since it was posted"}}
	elif status < 300 then {unknown: {reason: "Business Central's answer can't be read"}}
	else empty end;

if .op == "lookup" then lookup else deliver end
