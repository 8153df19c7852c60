# An array in, 200 and a result for each out; each record carries a key of its own.
if .response == null
then {send: {path: "/bulk/records",
             body: [.events[] | {key: "\(.source)/\(.id)", event: .}]}}
elif .response.status == 200 and (.response.body | type) == "array"
then {results: [.response.body[]
                | if .ok then {id, done: {}}
                  elif .error == "locked" then {id, retry: {after_s: 0.05, reason: .error}}
                  else {id, reject: {code: "refused", message: .error}} end]}
elif .response.status < 300 then {unknown: {reason: "status \(.response.status) without results"}}
else empty end
