# Each license plate of a receipt is one LPReceipt in the inbound queue of the material handling
# equipment interface. The plates are told one after another, thirty in one go; carry.n is the plate
# that was sent.

def plates:
  reduce (.events[0].data.lines[] | .license_plate // .sscc) as $p ([]; if index([$p]) then . else . + [$p] end);

def hex4:
  def digit: "0123456789abcdef"[. : . + 1];
  [. / 4096, . / 256, . / 16, .] | map(floor % 16 | digit) | add;

# One message id a plate: the delivery's key, which no other delivery has, ending in the plate's number.
def message($n): if $n == 0 then .key else .key[0:32] + ($n | hex4) end;

def receive($n):
  { send: { path: "/api/services/WMHEServices/executeInboundTransaction",
            body: ({ _messageId: message($n), _inboundTransType: "LPReceipt", _data01: plates[$n] }
                   + ([range(2; 11) | { ("_data" + ("0\(.)"[-2:])): "" }] | add)) },
    carry: { n: $n } };

# What the other side says of an error, null when it says none: OData's and a service's own form.
def words:
  if (.response.body | type) != "object" then null
  else .response.body
    | if (.error | type) == "object"
      then (if (.error.innererror | type) == "object" then .error.innererror.message else null end)
           // .error.message
      elif .error then .error | tostring
      elif .errors then .errors | tostring
      else .Message end
  end;

# Nothing, or an object: what a service of this kind answers. A page, a list or a number is none.
def is_readable: .response.body | type == "null" or . == "" or type == "object";

def answered:
  .response.status as $status
  | (.carry.n // 0) as $n
  | words as $words
  | (if ($words | type) == "string" then $words | ascii_downcase else "" end) as $lower
  | ($lower | contains("message") and contains("already exists")) as $there
  | if $there or ($status < 300 and $words == null) then
      if $status < 300 and (is_readable | not) then
        { unknown: { reason: "it answered with what is not the service's answer" } }
      elif $n + 1 >= (plates | length) then { done: { ref: .key } }
      elif ($n + 1) % 30 == 0 then
        { retry: { after_s: 0, reason: "\($n + 1) of \(plates | length) plates are told" }, carry: { n: ($n + 1) } }
      else receive($n + 1) end
    elif $lower | contains("conflict") or contains("deadlock") then
      { retry: { after_s: 10, reason: $words } }
    elif $status == 403 then
      { hold: { reason: ($words // "the application may not call the service (403)") } }
    elif $words != null and ($status < 300 or ([400, 409, 422, 500] | index($status)) != null) then
      { reject: { code: "refused", message: $words } }
    else empty end;

.events[0] as $event
| if $event.type != "receipt" then
    { reject: { code: "type_not_taken", message: "the interface takes receipts only", field: "/type" } }
  elif [$event.data.lines[] | .license_plate // .sscc | type == "string" and . != ""] | all | not then
    { reject: { code: "no_license_plate", message: "a line has neither license_plate nor sscc",
                field: "/data/lines" } }
  elif .response == null then receive(.carry.n // 0)
  else answered end
