# A receipt transforms its purchase order into an item receipt, a ship its sales order into an item
# fulfillment:
#
#   find    the order's internal id, by its number
#   read    the order's lines
#   submit  the transform, asynchronous, for only so does NetSuite honour the key: it answers with a job
#   job     asked until the job is completed
#   check   the new record, by the external id that it was given: the key
#   task    result   why the job failed, in NetSuite's words
#
# A repeat of `submit` is answered 400 IDEMPOTENCY_ERROR with the first job's Location: as good as 202.

def event: .events[0];
def data: event.data;
def status: .response.status;
def body: .response.body | if type == "object" then . else {} end;
# Lists of objects, or null: what can't be read is never taken for "none".
def rows: if type == "array" and all(.[]; type == "object") then . else null end;
def items: body | (.items? // null) | rows;
def order_lines: body | (.item.items? // null) | rows;
def refuse($code; $message; $field): {reject: {code: $code, message: $message, field: $field}};
def again($reason): {retry: {reason: $reason}, carry: .carry};

def kind:
	if event.type == "receipt" then {order: "purchaseOrder", made: "itemReceipt"}
	elif event.type == "ship" then {order: "salesOrder", made: "itemFulfillment"}
	else null end;

def lines:
	if (data.packages | type) == "array" and (data.lines | length) == 0 then
		[data.packages | to_entries[] | "/data/packages/\(.key)/lines/" as $at
		 | .value.lines // [] | to_entries[] | .value + {at: "\($at)\(.key)"}]
	else [data.lines // [] | to_entries[] | .value + {at: "/data/lines/\(.key)"}] end
	| map(select((.quantity // "0" | tonumber) > 0));

def details: body | (.["o:errorDetails"]? // []) | if type == "array" then . else [] end | map(objects);
def words:
	[details[] | .detail // empty | tostring] | join("; ")
	| if . != "" then . else null end;
def code: [details[] | .["o:errorCode"] // empty | tostring] | first // "refused";
def told: words // (body | .title // "no reason given" | tostring);

# A read that didn't work out: nothing was applied.
def not_read:
	if status >= 500 then again("NetSuite answered \(status)")
	elif status < 300 then again("NetSuite's answer can't be read")
	elif status == 400 then refuse(code; told; "")
	else empty end;

def find:
	{send: {method: "GET", path: "/record/v1/\(kind.order)",
		query: {q: "tranId IS \"\(data.document.id | tostring | gsub("[\"\\\\]"; ""))\"", limit: 2}},
	 carry: {step: "find"}};
def read($order):
	{send: {method: "GET", path: "/record/v1/\(kind.order)/\($order)", query: {expandSubResources: "true"}},
	 carry: {step: "read", order: $order}};
def job($job):
	{send: {method: "GET", path: "/async/v1/job/\($job)"}, carry: {step: "job", job: $job}};
def check:
	{send: {method: "GET", path: "/record/v1/\(kind.made)/eid:\(.key)"}, carry: (.carry + {step: "check"})};

# carry.lines: [order line, quantity], the quantity 0 where nothing was counted: that line must say so,
# else the transform takes it whole.
def submit:
	. as $in
	| {send: {path: "/record/v1/\(kind.order)/\(.carry.order)/!transform/\(kind.made)",
		headers: {Prefer: "respond-async", "X-NetSuite-idempotency-key": .key},
		body: ({externalId: .key, tranDate: (event.time | local_date),
			item: {items: [.carry.lines[] | . as [$line, $quantity]
				| if $quantity == 0 then {orderLine: $line, itemreceive: false}
				  else {orderLine: $line, quantity: $quantity, itemreceive: true}
				  | if $in.vars.location then .location = {id: ($in.vars.location | tostring)}
				    else . end
				  end]}}
			| if $in | kind.made == "itemFulfillment" then
				.shipStatus = {id: $in.vars.ship_status} else . end)},
	   carry: (.carry + {step: "submit"})};

def matches($row): .item.sku as $sku
	| ($row.item | if type == "object" then (.refName // "") else "" end) as $name
	| $name == $sku or ($name | endswith(" : \($sku)"));

def transform:
	. as $in
	| (order_lines | map(select(.line != null))) as $rows
	| reduce lines[] as $line ({taken: {}, strange: null};
		([$rows[] | . as $row | select($line | matches($row))] | first // null) as $row
		| if $row == null then .strange = (.strange // $line)
		  else .taken["\($row.line)"] += ($line.quantity | tonumber) end)
	| if .strange then
		refuse("unknown_item"; "\($in | data.document.id) has no line for item \(.strange.item.sku)";
			.strange.at + "/item")
	  else .taken as $taken
		| $in | .carry.lines = [$rows[] | [.line, ($taken["\(.line)"] // 0)]] | submit end;

# The job's number from an absolute or a relative Location.
def location:
	(.response.headers.location // "" | capture("/async/v1/job/(?<job>[0-9A-Za-z_-]+)") | .job) // null;

def check_event:
	[lines[] | select((.condition // "good") != "good")] as $bad
	| if kind == null then
		refuse("type_unsupported";
			"only receipt and ship go to NetSuite: route no other type here"; "/type")
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
	elif .carry.step == "read" then read(.carry.order)
	elif .carry.step == "submit" then submit
	elif .carry.step == "job" then job(.carry.job)
	elif .carry.step == "check" then check
	elif .carry.step == "task" then
		{send: {method: "GET", path: "/async/v1/job/\(.carry.job)/task"}, carry: .carry}
	else {send: {method: "GET", path: "/async/v1/job/\(.carry.job)/task/\(.carry.task)/result"},
	      carry: .carry} end;

def step($step; $more): .carry = (.carry + {step: $step} + $more) | .response = null | ask;

def on_find:
	if status != 200 or items == null then not_read
	elif (items | length) == 1 and items[0].id != null then read(items[0].id | tostring)
	elif (items | length) > 1 then
		refuse("ambiguous"; "NetSuite has several orders with the number \(data.document.id)";
			"/data/document/id")
	else refuse("unknown_document"; "NetSuite has no \(kind.order) \(data.document.id)";
		"/data/document/id") end;

def on_submit:
	location as $job
	| if (status == 202 or (status == 400 and code == "IDEMPOTENCY_ERROR")) and $job != null then job($job)
	  elif status < 300 then
		{unknown: {reason: "NetSuite answered \(status) without a job"}}
	  elif status == 400 and code == "IDEMPOTENCY_ERROR" then
		{unknown: {reason: "NetSuite has had this key, and doesn't say in which job"}}
	  elif status == 400 or status == 404 then refuse(code; told; "")
	  else empty end;

def on_job:
	body as $job
	| if status == 404 then {unknown: {reason: "NetSuite has forgotten job \(.carry.job)"}}
	  elif status != 200 or ($job | has("completed") | not) then not_read
	  elif $job.completed != true then
		{retry: {after_s: 5, reason: "job \(.carry.job) is \($job.progress // "pending")"}, carry: .carry}
	  elif $job.progress == "failed" then step("task"; {})
	  else step("check"; {progress: ($job.progress // "completed" | tostring)}) end;

def ref: body | .tranId // .id | if type == "string" or type == "number" then tostring else "" end;

def on_check:
	if status == 200 and ref != "" then {done: {ref: ref}}
	elif status == 404 and .carry.progress == "succeeded" then {done: {ref: "job \(.carry.job)"}}
	elif status == 404 then
		{unknown: {reason:
			"job \(.carry.job) is \(.carry.progress), and there is no \(kind.made) with the key"}}
	else not_read end;

def task_id:
	items[0]? | objects
	| .id // ([.links[]? | .href // empty | capture("/task/(?<task>[^/?]+)") | .task] | first);

def on_task:
	if status != 200 then not_read
	else (task_id // null) as $task
		| if $task == null then refuse("job_failed"; "NetSuite's job \(.carry.job) failed"; "")
		  else step("result"; {task: ($task | tostring)}) end end;

def on_result:
	if status >= 500 and words == null then not_read
	else refuse(code; words // "NetSuite's job \(.carry.job) failed"; "") end;

def deliver:
	if .response == null then ask
	elif .carry.step == "find" then on_find
	elif .carry.step == "read" then
		if status == 200 and order_lines != null then transform else not_read end
	elif .carry.step == "submit" then on_submit
	elif .carry.step == "job" then on_job
	elif .carry.step == "check" then on_check
	elif .carry.step == "task" then on_task
	else on_result end;

def lookup:
	if .carry == null or (.carry.step | IN("find", "read")) then {absent: {}}
	elif .response == null then {send: check.send, carry: .carry}
	elif status == 200 and ref != "" then {done: {ref: ref}}
	elif status == 404 then {absent: {}}
	elif status < 300 then {unknown: {reason: "NetSuite's answer can't be read"}}
	else empty end;

if .op == "lookup" then lookup else deliver end
