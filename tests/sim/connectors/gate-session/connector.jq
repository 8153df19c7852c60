if .op == "login" then
  if .response == null then { send: { path: "/login", body: .credentials } }
  elif .response.status == 200 then { session: { headers: { "X-Session": .response.body.session } } }
  else empty end
elif .response == null then { send: { path: "/events", body: .events[0] } }
else empty end
