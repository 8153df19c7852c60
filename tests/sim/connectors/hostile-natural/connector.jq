# An upsert by key; the default classifier reads the answer.
if .response == null
then {send: {method: "PUT", path: "/natural/events/\(.key)", body: .events[0]}}
else empty end
