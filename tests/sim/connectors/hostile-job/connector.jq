# Accepted is not done: 202, and a job that is asked until it has ended.
def ask($job): {send: {method: "GET", path: $job}, carry: {job: $job}};

if .response == null and .carry == null then {send: {path: "/job/captures", body: .events[0]}}
elif .response == null then ask(.carry.job)
elif .carry == null
then if .response.status == 202 and .response.headers.location then ask(.response.headers.location)
     elif .response.status < 300 then {unknown: {reason: "accepted without a job"}}
     else empty end
elif .response.status >= 300 then empty
else (.response.body | if type == "object" then .state else null end) as $state
     | if $state == "done" then {done: {ref: .carry.job}}
       elif $state == "failed"
       then {reject: {code: "failed", message: (.response.body.errors | join("; "))}}
       else {retry: {after_s: 0.05, reason: "the job has not ended"}} end
end
