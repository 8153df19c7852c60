# Three calls in order: an order, its lines, posting it. Lines and posting may be repeated.
def body: .response.body | if type == "object" then . else {} end;
def message: (body | .message) // "";
def step($name): {name: $name, order: (.carry.order // null)};
def lines($order): {send: {path: "/steps/orders/\($order)/lines", body: .events[0]},
                    carry: {name: "lines", order: $order}};
def post($order): {send: {path: "/steps/orders/\($order)/post", body: {}},
                   carry: {name: "post", order: $order}};
def find: {send: {method: "GET", path: "/steps/orders", query: {reference: .key}},
           carry: {name: "find"}};
def is_fine: .response.status < 300 and (body | length) > 0;

# What follows from the answer to the step that the carry names.
def go_on:
  .carry.name as $name | .carry.order as $order
  | if $name == "lines" then post($order) else {done: {ref: "\($order)"}} end;

def drive:
  (body | .found // []) as $found
  | if ($found | length) == 0 then {absent: {}}
    elif $found[0].state == "posted" then {done: {ref: "\($found[0].id)"}}
    elif $found[0].state == "ready" then post($found[0].id)
    else lines($found[0].id) end;

if .op == "lookup" and .response == null then find
elif .op == "lookup" and (is_fine | not)
then if .response.status == 422 then {reject: {code: "422", message: message}}
     else {unknown: {reason: "the look found no answer, status \(.response.status)"}} end
elif .op == "lookup" and .carry.name == "find" then drive
elif .response == null and .carry == null then {send: {path: "/steps/orders", body: {reference: .key}}}
elif .response == null and .carry.name == "lines" then lines(.carry.order)
elif .response == null and .carry.name == "post" then post(.carry.order)
elif .response == null then {send: {path: "/steps/orders", body: {reference: .key}}}
elif .response.status == 409 and .carry == null
then {unknown: {reason: "an order with this reference is there"}}
elif .response.status >= 300 then empty
elif (is_fine | not) then {unknown: {reason: "status \(.response.status) that says nothing"}}
elif .carry == null or .carry.name == "find" then lines(body | .id)
else go_on end
