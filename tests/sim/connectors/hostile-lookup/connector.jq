# A receipt with a unique reference: a repeat is refused, a look finds it by the reference.
def body: .response.body | if type == "object" then . else {} end;
def message: (body | .message) // "";

if .op == "lookup" and .response == null
then {send: {method: "GET", path: "/lookup/receipts", query: {reference: .key}}}
elif .op == "lookup"
then if .response.status == 200 and (body | has("found"))
     then (body | .found) as $found
          | if ($found | length) > 0 then {done: {ref: $found[0].number}} else {absent: {}} end
     else {unknown: {reason: "the look found no answer, status \(.response.status)"}} end
elif .response == null
then {send: {path: "/lookup/receipts", body: {reference: .key, event: .events[0]}}}
elif .response.status == 422 and (message | test("with this reference is there"))
then {done: {}}
elif .response.status == 201 and (body | has("number"))
then {done: {ref: (body | .number)}}
elif .response.status < 300
then {unknown: {reason: "status \(.response.status) without a receipt's number"}}
else empty end
