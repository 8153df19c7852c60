# Tryton 6.0 over JSON-RPC: receipts of purchase orders; picks and shipments of customer shipments.
#
# Two halves: ask makes the request of a step from the carry, whose `at` names it; on_answer reads the
# answer and sets the carry for the next. So a step that is made again is the same request, and what
# comes next follows from what Tryton says, whoever brought it there.
#
#   receipt     find ─► facts ─► open ─► create ─► receive ─► finish ─► find
#   pick, ship  find ─► facts ─► moves ─► wait, write, assign, pick, pack, finish (as needed) ─► find
#   facts       items, lots, bins, before the moves are read; units, new_lots when they show the need
#
# Nothing in Tryton is unique but its ids. What makes a repeat refusable:
#   receipt  the create names the order's own moves and writes each one's quantity, and nothing else.
#            Whoever comes second either takes them from a draft, which is then empty and cancelled, or
#            is refused because they are done. The reference is the key: of all shipments with it at
#            most one holds moves. A move has one lot, so what came in several lots of an item is posted
#            in several parts, each with a reference of its own, against what the one before left open.
#   pick     moves are replaced by deleting those that were read; a second time they aren't there.
#            Every other step sets a state, and does nothing where it is set.

. as $in
| ($in.events[0]) as $event

# --- the words of an event ---------------------------------------------------------------------------

| def problem($code; $message; $field):
	error({ reject: { code: $code, message: $message, field: $field } });

# Lines with their place in the event, of what came in packages, too. Nothing of something is no line.
# A part has one lot of each item.
[ $event.data
  | path(.lines[]?, .packages[]?.lines[]?) as $path
  | getpath($path) + { at: ("/data/" + ($path | map(tostring) | join("/"))) }
  | select((.quantity | tonumber) > 0) ]
| [ group_by(.item)[] | [ group_by(.lot) | to_entries[] | .value[] + { part: (.key + 1) } ] | .[] ]
| sort_by(.at | ltrimstr("/data/") | split("/") | map(tonumber? // .))
| . as $lines
| ([ $lines[].part ] | max // 1) as $parts

| def reference: if .part == 1 then $in.key else "\($in.key)/\(.part)" end;

def item_name: .item.sku // .item.gtin // "an item without a number";

# A GTIN is written with 8, 12, 13 or 14 digits; the shorter is the longer without its zeros.
def gtin_forms:
	., (select(startswith("0")) | .[1:]), (select(startswith("00")) | .[2:]),
	(select(startswith("000000")) | .[6:]);

def gtins: [ $lines[] | select(.item.sku == null) | .item.gtin // empty | gtin_forms ] | unique;

def lot_numbers: [ $lines[].lot // empty ] | unique;

# Tryton 6.0 assigns without regard to lots: where a lot was taken from must be said.
def bin_codes: [ select($event.type != "receipt") | $lines[] | select(.lot) | .location // empty ] | unique;

# The symbols in Tryton that a line's unit may stand for; none said: whatever the order is in.
def symbols:
	if .uom == null then []
	else
		({ EA: "u", C62: "u", H87: "u", KGM: "kg", GRM: "g", LTR: "l", MTR: "m" } + $in.vars.units) as $units
		| [ ($units[.uom] // .uom) | if type == "array" then .[] else . end ]
	end;

# --- what a step asks for ------------------------------------------------------------------------------

def rpc($method; $params):
	{ send: { path: "/", body: { id: 1, method: $method, params: ($params + [ { company: $in.vars.company } ]) } } };

def search($model; $domain; $fields):
	rpc("model." + $model + ".search_read"; [ $domain, 0, null, [ [ "id", "ASC" ] ], $fields ]);

def button($model; $name): rpc("model." + $model + "." + $name; [ [ .id ] ]);

def ask_fact:
	if .at == "items" then search("product.identifier"; [ [ "code", "in", gtins ] ]; [ "code", "product" ])
	elif .at == "units" then
		search("product.uom"; [ [ "symbol", "in", ([ $lines[] | symbols[] ] | unique) ] ];
			[ "symbol", "factor", "category" ])
	elif .at == "lots" then search("stock.lot"; [ [ "number", "in", lot_numbers ] ]; [ "number", "product" ])
	elif .at == "bins" then search("stock.location"; [ [ "code", "in", bin_codes ] ]; [ "code" ])
	else rpc("model.stock.lot.create"; [ .new_lots ])
	end;

def ask_receipt:
	if .at == "find" then
		search("stock.shipment.in"; [ [ "reference", "=", reference ], [ "state", "!=", "cancelled" ] ];
			[ "number", "state", "incoming_moves" ])
	elif .at == "open" then
		search("stock.move";
			[ [ "purchase.number", "=", $event.data.document.id ], [ "state", "=", "draft" ], [ "shipment", "=", null ] ];
			[ "product.code", "quantity", "uom.symbol", "uom.factor", "uom.category", "purchase.party", "purchase.warehouse" ])
	elif .at == "create" then rpc("model.stock.shipment.in.create"; [ [ .values ] ])
	elif .at == "clear" then rpc("model.stock.shipment.in.cancel"; [ .empty ])
	elif .at == "receive" then button("stock.shipment.in"; "receive")
	elif .at == "finish" then button("stock.shipment.in"; "done")
	else ask_fact
	end;

def ask_outgoing:
	if .at == "find" then
		search("stock.shipment.out";
			if .id then [ [ "id", "=", .id ] ]
			else [ "OR", [ "number", "in", [ $event.data.shipment, $event.data.document.id ] ],
			       [ "moves.sale.number", "=", $event.data.document.id ] ]
			end;
			[ "number", "state", "company", "warehouse_storage", "warehouse_output" ])
	elif .at == "moves" then
		search("stock.move"; [ [ "shipment", "=", "stock.shipment.out,\(.id)" ], [ "state", "!=", "cancelled" ] ];
			[ "product.code", "quantity", "uom.symbol", "uom.factor", "uom.category", "state", "lot", "to_location" ])
	elif .at == "write" then rpc("model.stock.shipment.out.write"; [ [ .id ], { inventory_moves: .changes } ])
	elif .at == "assign" then button("stock.shipment.out"; "assign_try")
	elif .at == "finish" then button("stock.shipment.out"; "done")
	elif .at == "wait" or .at == "pick" or .at == "pack" then button("stock.shipment.out"; .at)
	else ask_fact
	end;

def ask:
	(if $event.type == "receipt" then ask_receipt else ask_outgoing end) + { carry: . };

def begin($part; $posted): { at: "find", tries: 0, part: $part, posted: $posted };

# Moves are of the moment: they are read again rather than carried.
def step($at): del(.moves, .picking) | .at = $at | ask;

# --- facts that the lines need, beside the moves that they are held against ------------------------------

def read_moves: step(if $event.type == "receipt" then "open" else "moves" end);

# What the event alone shows to be needed, then the moves.
def gather:
	if .products == null and gtins != [] then step("items")
	elif .lots == null and lot_numbers != [] then step("lots")
	elif .bins == null and bin_codes != [] then step("bins")
	else read_moves
	end;

# All units that are known.
def units: [ .moves[]["uom."], .units[]? ];

# Moves by what they are called: their positions by the product's code and by its id.
def index_of_moves:
	[ .moves | to_entries[] | .value["product."] as $product | { at: .key, name: ("code " + $product.code, "id \($product.id)") } ]
	| group_by(.name)
	| map({ (.[0].name): map(.at) })
	| add // {};

# A line's moves; `index` of those that are at hand.
def moves_of($line; $index):
	. as $facts
	| if $line.item.sku then $index["code " + $line.item.sku] // []
	  else [ $line.item.gtin // "" | gtin_forms | $index["id \($facts.products[.])"] // empty ][0] // []
	  end;

def lot_name($product; $number): "\($product) \($number)";
def lots_by_name: map({ key: lot_name(.product; .number), value: .id }) | from_entries;
def lot_of($line; $product): if $line.lot then .lots[lot_name($product; $line.lot)] else null end;

def bin_of($line):
	if $line.lot == null or $event.type == "receipt" then null
	else
		[ .bins[]? | select(.code == $line.location) | .id ][0]
		// problem("unknown_bin"; "Tryton knows no location \($line.location // "(none is said)") from which lot \($line.lot) was taken"; $line.at + "/location")
	end;

# Lots that the lines name and Tryton doesn't know.
def unknown_lots:
	. as $facts
	| index_of_moves as $index
	| [ $lines[] | select(.lot) as $line | $facts | .moves[moves_of($line; $index)[0] // empty]["product."].id as $product
	    | select(($facts | lot_of($line; $product)) == null) | { number: $line.lot, product: $product } ]
	| unique;

# What the moves show to be needed, then what is planned.
def with_facts(planned):
	[ units[].symbol ] as $known
	| if .units == null and any($lines[] | symbols; . != [] and . - $known == .) then step("units")
	  elif lot_numbers != [] and unknown_lots != [] then
		if $event.type == "receipt" then .new_lots = unknown_lots | step("new_lots")
		else problem("unknown_lot"; "Tryton knows no lot \(unknown_lots[0].number)"; "/data/lines")
		end
	  else planned
	  end;

def on_fact($result):
	if .at == "items" then .products = ($result | map({ (.code): .product }) | add // {}) | gather
	elif .at == "lots" then .lots = ($result | lots_by_name) | gather
	elif .at == "bins" then .bins = $result | gather
	elif .at == "units" then .units = $result | read_moves
	else .lots += ([ [ .new_lots, $result ] | transpose[] | .[0] + { id: .[1] } ] | lots_by_name) | del(.new_lots) | read_moves
	end;

# --- lines shared out among the moves ----------------------------------------------------------------------

# What a line's unit is worth in the reference unit of the move's category.
def factor_of($line; $move):
	($line | symbols) as $symbols
	| if $symbols == [] or ($symbols | index([ $move["uom."].symbol ])) then $move["uom."].factor
	  else
		([ $symbols[] as $symbol | units[] | select(.symbol == $symbol and .category == $move["uom."].category) ][0])
		// problem("unit"; "Tryton has no unit \($symbols | join(" or ")) for \($line | item_name), which is ordered in \($move["uom."].symbol)"; $line.at + "/uom")
		| .factor
	  end;

# Binary fractions leave dust behind.
def tidy: . * 1e6 | round / 1e6;

# Each line fills the open moves of its product one after another, and the last one takes what is over:
# whether more than ordered is right is Tryton's to say. One piece per move, lot and bin; `base` counts in the
# reference unit.
def pieces:
	. as $facts
	| index_of_moves as $index
	| reduce ($lines[] | select($facts.part == null or .part == $facts.part)) as $line
		({ slots: [ .moves[] | { move: ., base: (.quantity * .["uom."].factor) } ], out: [] };
		($facts | moves_of($line; $index)) as $mine
		| if $mine == [] then
			problem("not_expected"; "Tryton expects no \($line | item_name) on \($event.data.document.id)\($facts.posted | map(" after " + .) | join(""))"; $line.at + "/item")
		  else . end
		| .rest = ($line.quantity | tonumber) * (.slots[$mine[0]].move as $move | $facts | factor_of($line; $move))
		| reduce $mine[] as $i (.;
			.slots[$i] as $slot
			| (if $i == $mine[-1] then .rest else [ .rest, $slot.base ] | min end) as $take
			| if $take <= 0 then .
			  else
				.out += [ { move: $slot.move, base: $take,
				            lot: ($facts | lot_of($line; $slot.move["product."].id)), bin: ($facts | bin_of($line)) } ]
				| .slots[$i].base -= $take
				| .rest -= $take
			  end))
	| .out
	| group_by([ .move.id, .lot, .bin ])
	| map(.[0] + { base: (map(.base) | add) })
	| map(.quantity = (.base / .move["uom."].factor | tidy));

def with_lot($piece): if $piece.lot then .lot = $piece.lot else . end;

# --- receipts ------------------------------------------------------------------------------------------------

def effective_date:
	($event.time | local_date | split("-") | map(tonumber)) as [ $year, $month, $day ]
	| { __class__: "date", year: $year, month: $month, day: $day };

def as_incoming_moves:
	[ [ "add", map(.move.id) ] ]
	+ map([ "write", [ .move.id ], (. as $piece | { quantity } | with_lot($piece)) ]);

def create_receipt:
	pieces as $pieces
	| if $pieces == [] then problem("empty"; "nothing was received"; "/data/lines")
	  elif ($pieces | map(.move.id) | unique | length) < ($pieces | length) then
		problem("two_lots"; "an item that comes in several lots must have the same number in all its lines"; "/data/lines")
	  else . end
	| .moves[0]["purchase."] as $order
	| { part, posted,
	    values: { company: $in.vars.company, supplier: $order.party, warehouse: $order.warehouse, reference: reference,
	              effective_date: effective_date, incoming_moves: ($pieces | as_incoming_moves) } }
	| step("create");

# The shipments that have our reference: one holds the moves, or none does.
def on_receipts($found):
	[ $found[] | select(.incoming_moves != []) ] as $holding
	| $holding[0] as $one
	| [ $found[] | select(.incoming_moves == [] and .state == "draft") | .id ] as $empty
	| if ($holding | length) > 1 then
		{ unknown: { reason: "\($holding | map(.number) | join(" and ")) have the same reference" } }
	  elif $empty != [] and .is_cleared != true then .empty = $empty | .is_cleared = true | step("clear")
	  elif $one == null then
		if .refused then .refused
		elif $in.op == "lookup" then { absent: {} }
		else gather
		end
	  elif $one.state == "done" and .part == $parts then { done: { ref: (.posted + [ $one.number ] | join(" ")) } }
	  elif $one.state == "done" then begin(.part + 1; .posted + [ $one.number ]) | ask
	  elif .tries >= 2 then
		{ reject: { code: "not_done", message: "Tryton leaves supplier shipment \($one.number) in state \($one.state)" } }
	  else
		.tries += 1
		| .id = $one.id
		| step(if $one.state == "draft" then "receive" else "finish" end)
	  end;

def on_receipt($result):
	if .at == "find" then on_receipts($result)
	elif .at == "open" then
		if $result == [] then
			problem("not_expected"; "Tryton has no open goods on a purchase order \($event.data.document.id)"; "/data/document/id")
		else .moves = $result | with_facts(create_receipt)
		end
	elif .at == "create" then .id = $result[0] | .tries = 1 | del(.values) | step("receive")
	elif .at == "receive" then step("finish")
	elif .at == "clear" or .at == "finish" then step("find")
	else on_fact($result)
	end;

# --- picks and shipments -------------------------------------------------------------------------------------

def states_before: [ "draft", "waiting", "assigned" ] + if $event.type == "ship" then [ "picked", "packed" ] else [] end;

# Which customer shipment is meant: the one that is named, the only one of the order, the only one of it
# that is still open. The last is no answer to whether something was posted.
def choose($found):
	def only: if length == 1 then .[0] else null end;
	($found | map(select(.number == $event.data.shipment)) | only)
	// ($found | only)
	// (if $in.op == "lookup" then null else $found | map(select(.state as $s | states_before | index([ $s ]))) | only end);

def on_shipments($found):
	choose($found) as $one
	| if $found == [] then
		problem("unknown_document"; "Tryton has no customer shipment for \($event.data.document.id // $event.data.shipment)"; "/data/document/id")
	  elif $one == null then
		"\($found | map("\(.number) (\(.state))") | join(", ")) are for \($event.data.document.id): which one must be in data.shipment" as $why
		| if $in.op == "lookup" then { unknown: { reason: $why } } else problem("ambiguous"; $why; "/data/shipment") end
	  elif $in.op == "lookup" and .id == null and ($one.state as $s | states_before | index([ $s ])) then { absent: {} }
	  elif $one.state == "cancelled" then problem("cancelled"; "customer shipment \($one.number) is cancelled"; "/data/document/id")
	  elif .tries >= 3 then
		{ reject: { code: "not_done", message: "Tryton leaves customer shipment \($one.number) in state \($one.state)" } }
	  else .tries += 1 | .id = $one.id | .shipment = $one | gather
	  end;

# What each product, and each lot that the event names, comes to: of the event, or of what is picked.
def sums: map(select(.base > 0)) | group_by(.of) | map({ of: .[0].of, base: (map(.base) | add | tidy) });

# No lines: whatever Tryton has planned was taken.
def is_as_said($pieces):
	[ .picking[] | { product: .["product."].id, lot, base: (.quantity * .["uom."].factor) } ] as $held
	| [ $pieces[] | { product: .move["product."].id, lot, base } ] as $said
	| [ $said[] | select(.lot) | [ .product, .lot ] ] as $lots
	| $lines == []
	or (([ $held[] | .of = .product ] | sums) == ([ $said[] | .of = .product ] | sums)
	    and ([ $held[] | .of = [ .product, .lot ] | select(.of as $of | $lots | index([ $of ])) ] | sums)
	        == ([ $said[] | select(.lot) | .of = [ .product, .lot ] ] | sums));

def as_inventory_moves($pieces):
	.shipment as $shipment
	| [ [ "delete", [ .picking[].id ] ],
	    [ "create", [ $pieces[] as $piece
	                  | { company: $shipment.company, product: $piece.move["product."].id, uom: $piece.move["uom."].id,
	                      quantity: $piece.quantity, from_location: ($piece.bin // $shipment.warehouse_storage),
	                      to_location: $shipment.warehouse_output, origin: "stock.move,\($piece.move.id)" }
	                  | with_lot($piece) ] ] ];

# What brings the shipment from its state to what the event says.
def drive:
	pieces as $pieces
	| .shipment.state as $state
	| is_as_said($pieces) as $is_as_said
	| if $state == "draft" then step("wait")
	  elif $state == "waiting" or $state == "assigned" then
		if $is_as_said then del(.refused) | step(if $state == "waiting" then "assign" else "pick" end)
		elif .refused then .refused
		elif all(.picking[]; .state == "draft") and $state == "waiting" then
			.changes = as_inventory_moves($pieces) | step("write")
		else step("wait")
		end
	  elif $is_as_said | not then
		problem("differs"; "customer shipment \(.shipment.number) is \($state), with other quantities than the event's"; "/data")
	  elif $event.type == "pick" or $state == "done" then { done: { ref: .shipment.number } }
	  else step(if $state == "picked" then "pack" else "finish" end)
	  end;

def on_outgoing($result):
	if .at == "find" then on_shipments($result)
	elif .at == "moves" then
		.shipment as $shipment
		| .picking = [ $result[] | select(.to_location == $shipment.warehouse_output) ]
		| .moves = [ $result[] | select(.to_location != $shipment.warehouse_output) ]
		| with_facts(drive)
	elif .at == "wait" or .at == "write" then .shipment.state = "waiting" | read_moves
	elif .at == "assign" then
		if $result then step("pick")
		else problem("not_assigned"; "Tryton has too little on hand for customer shipment \(.shipment.number)"; "/data/lines")
		end
	elif .at == "pick" then if $event.type == "ship" then step("pack") else step("find") end
	elif .at == "pack" then step("finish")
	elif .at == "finish" then step("find")
	else on_fact($result)
	end;

# --- answers ---------------------------------------------------------------------------------------------------

# Errors come with status 200: ["UserError", ["…", "…", null]], or any exception's text and an empty one.
def on_error($error):
	($error[0] | tostring) as $text
	| if $text == "UserError" and any($error[1][0, 1] | strings; test("\"Session\" that don't exist")) then
		{ retry: { after_s: 1, reason: "the session ended under the request" } }
	  elif $text == "UserError" then
		{ reject: { code: $text, message: ([ $error[1][0, 1] | strings | select(. != "") ] | join(": ")) } }
	  elif $text == "UserWarning" then { reject: { code: $text, message: $error[1][1] } }
	  elif $text == "ConcurrencyException" then { retry: { after_s: 2, reason: ($error[1] | tostring) } }
	  elif $text == "LoginException" then { hold: { reason: "Tryton wants a log-in that a machine can't give: \($error[1][1])" } }
	  elif $text | test("serialize access|deadlock|obtain lock|lock timeout|database is locked") then { retry: { after_s: 2, reason: $text } }
	  elif $text | test("connection|terminat|shutting down|starting up") then { unknown: { reason: $text } }
	  else { reject: { code: "error", message: $text } }
	  end;

# What is refused may have been made before: then it is found.
def on_answer($body):
	if ($body | type) != "object" then { unknown: { reason: "that was no answer of Tryton's" } }
	elif $body | has("error") then
		on_error($body.error) as $says
		| if $says.reject and (.at == "create" or .at == "write") then .refused = $says | .tries = 0 | del(.values, .changes) | step("find")
		  else $says
		  end
	elif $event.type == "receipt" then on_receipt($body.result)
	else on_outgoing($body.result)
	end;

def check_event:
	if $event.type == "receipt" then
		if $event.data.document.type == "purchase_order" then .
		else problem("unsupported"; "goods are received against purchase orders, not against \($event.data.document.type // "no document")"; "/data/document/type")
		end
	elif $event.type == "pick" or $event.type == "ship" then .
	else problem("unsupported"; "no events of type \($event.type) are posted to Tryton"; "/type")
	end;

# What is asked without a response: the first step, or the step that is made again. Lots have no guard
# against a repeat but looking again.
def begin_or_repeat:
	if $event.type == "receipt" then begin(1; []) else begin(null; []) end
	| if $in.op == "lookup" then .id = (if $event.type == "receipt" then null else $in.carry.id end)
	elif $in.carry == null then check_event
	elif $in.carry.at == "new_lots" then $in.carry | .at = "lots"
	else $in.carry
	end
	| ask;

def log_in:
	if $in.response == null then
		{ send: { path: "/", body: { id: 0, method: "common.db.login",
		    params: [ $in.credentials.username, { password: $in.credentials.password }, "en" ] } } }
	elif $in.response.status != 200 then empty
	elif ($in.response.body | type) != "object" then empty
	elif $in.response.body.result then
		($in.response.body.result) as [ $user, $session ]
		| { session: { headers: { Authorization: "Session \("\($in.credentials.username):\($user):\($session)" | @base64)" } } }
	else { hold: { reason: "Tryton refused the log-in: \($in.response.body.error | tostring)" } }
	end;

if $in.op == "login" then log_in
else
	try (
		if $in.response == null then begin_or_repeat
		elif $in.response.status != 200 then empty
		else $in.carry | on_answer($in.response.body)
		end
	) catch (if type == "object" then . else error end)
end
