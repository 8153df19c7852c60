# X12 945, Warehouse Shipping Advice: what left, as the depositor reads it. Release 004010.

. as $in
| $in.events[0] as $event
| $event.data as $data
| $in.vars as $vars

# --- X12: this part is the same in x12-856, x12-944 and x12-945 -------------------------------------------

| def problem($code; $message; $field):
	error({ reject: { code: $code, message: $message, field: $field } });

# The extended character set of X12.6, less the three that separate here (* > ~). Letters of Latin-1 lose
# what is above them; anything else becomes a space.
def clean:
	{ "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "Æ": "AE", "æ": "ae", "Ø": "O",
	  "ø": "o", "Å": "A", "å": "a", "À": "A", "Á": "A", "Â": "A", "Ã": "A", "à": "a", "á": "a", "â": "a", "ã": "a",
	  "Ç": "C", "ç": "c", "È": "E", "É": "E", "Ê": "E", "Ë": "E", "è": "e", "é": "e", "ê": "e", "ë": "e", "Ì": "I",
	  "Í": "I", "Î": "I", "Ï": "I", "ì": "i", "í": "i", "î": "i", "ï": "i", "Ñ": "N", "ñ": "n", "Ò": "O", "Ó": "O",
	  "Ô": "O", "Õ": "O", "ò": "o", "ó": "o", "ô": "o", "õ": "o", "Ù": "U", "Ú": "U", "Û": "U", "ù": "u", "ú": "u",
	  "û": "u", "Ý": "Y", "ý": "y", "ÿ": "y" } as $plain
	| tostring
	| [ split("")[] | $plain[.] // . ]
	| join("")
	| gsub("[^A-Za-z0-9 !\"&'()+,./:;?=%@_{}\\\\|<#$\\[\\]-]+"; " ")
	| gsub("  +"; " ")
	| gsub("^ | $"; "");

# A text may be cut; a number that is cut is another number.
def text($max): if . == null then null else clean[0:$max] end;
def number($max; $field):
	if . == null then null
	else
		tostring as $said
		| clean
		| if . != $said then problem("characters"; "\($said) has characters that X12 can't carry"; $field)
		  elif length > $max then problem("too_long"; "\(.) is longer than the \($max) characters that X12 allows"; $field)
		  else . end
	end;
def quantity($max; $field):
	tostring
	| if (gsub("[.-]"; "") | length) > $max then problem("too_long"; "\(.) has more than the \($max) digits that X12 allows"; $field) else . end;

# Sums of decimals, without the dust of binary fractions.
def total: (map(tonumber) | add // 0) * 1e6 | round / 1e6 | tostring;

def unit:
	({ C62: "EA", H87: "EA", KGM: "KG", GRM: "GR", LBR: "LB", ONZ: "OZ", LTR: "LT", MTR: "MR", CS: "CA", XCS: "CA",
	   XCT: "CT", XBX: "BX", PF: "PL", PX: "PL", XPX: "PL" } + $vars.units) as $units
	| .at as $at
	| .uom // "EA"
	| $units[.] // (if length == 2 then . else problem("unit"; "X12 has no code for unit \(.): name it in vars.units"; "\($at)/uom") end);

def with_place($place):
	[ path(.[]?) as $path | getpath($path) + { at: "\($place)/\($path[0])" } ];
def loose_lines: $data.lines // [] | with_place("/data/lines");
def packages: $data.packages // [] | with_place("/data/packages");
def package_lines: .at as $at | .lines // [] | with_place("\($at)/lines");

# What an item is called: pairs of qualifier and number.
def item_ids:
	.at as $at
	| [ if .item.sku then [ $vars.item_qualifier, (.item.sku | number(48; "\($at)/item/sku")) ] else empty end,
	    if .item.gtin then [ "UK", ("00000000000000" + .item.gtin)[-14:] ] else empty end ]
	| if . == [] then problem("item_unknown"; "a line must have a sku or a gtin"; "\($at)/item") else . end;

def serial_shipping_container_code: [ "MAN", "GM", "00\(.)" ];

def party($code; $name; $id):
	if $name == null and $id == null then empty
	else [ "N1", $code, ($name | text(60)), (if $id then $vars.party_qualifier else null end), ($id | number(80; "/data")) ]
	end;
def warehouse($code): party($code; $vars.warehouse_name // (if $vars.warehouse_id then null else $in.site end); $vars.warehouse_id);
def ship_to:
	$data.ship_to
	| select(. != null)
	| party("ST"; .name; .id),
	  ([ "N3", (.street | text(55)) ] | select(.[1])),
	  ([ "N4", (.city | text(30)), (.state | text(2)), (.postal_code | text(15)), (.country | text(3)) ] | select(any(.[1:][]; .)));

def weight:
	[ packages[].weight ]
	| if . != [] and all(.[]; . != null) and (map(.uom) | unique | length) == 1 then
		[ (map(.value) | total | quantity(10; "/data/packages")), (.[0] + { at: "/data/packages/0/weight" } | unit) ]
	  else [] end;

def local: $event.time | local_time;
def date: local | .[0:4] + .[5:7] + .[8:10];
def hours: local | .[11:13] + .[14:16];

# The number of this interchange, of its group and of its set: no other one has had it.
def control:
	if $in.serial > 999999999 then problem("control_number"; "X12's control numbers have nine digits: they are used up"; "")
	else "000000000\($in.serial)"[-9:] end;

def pad($n): . + " " * $n | .[0:$n];
def segment: map(. // "") | until(length == 0 or .[-1] != ""; .[:-1]) | join("*") + "~";

def interchange($group; $set; $body):
	($vars.sender_id | number(15; "vars.sender_id")) as $sender
	| ($vars.receiver_id | number(15; "vars.receiver_id")) as $receiver
	| "ISA*00*\("" | pad(10))*00*\("" | pad(10))*\($vars.sender_qualifier)*\($sender | pad(15))*\($vars.receiver_qualifier)*\($receiver | pad(15))*\(date[2:])*\(hours)*U*00401*\(control)*0*\($vars.usage)*>~"
	+ ([ [ "GS", $group, $sender, $receiver, date, hours, "\($in.serial)", "X", "004010" ], [ "ST", $set, control ] ] + $body
	   + [ [ "SE", "\(($body | length) + 2)", control ], [ "GE", "1", "\($in.serial)" ], [ "IEA", "1", control ] ]
	   | map(segment) | join(""));

def deliver($kind; $group; $set; body):
	try (
		if $in.response then
			if $in.response.status >= 200 and $in.response.status < 300 then { done: { ref: control } } else empty end
		elif $event.type != $kind then
			problem("unsupported"; "\($set) is made of events of type \($kind), not \($event.type)"; "/type")
		else
			{ send: { path: "\($set)-\($in.key).edi", text: interchange($group; $set; [ body ]), content_type: "application/edi-x12" } }
		end
	) catch (if type == "object" then . else error end);

# --- 945 --------------------------------------------------------------------------------------------------------

# A lot of more than twelve characters is said by N9*LT alone.
def lot: if .lot and (.lot | length) <= 12 then .lot | number(12; "") else null end;

def references:
	.at as $at
	| (.line | select(. != null) | [ "N9", "LI", number(30; "\($at)/line") ]),
	  (.lot | select(. != null) | [ "N9", "LT", number(30; "\($at)/lot") ]),
	  (.serials // [] | .[] | [ "N9", "SE", number(30; "\($at)/serials") ]);

# Ordered, shipped, and what is between them: complete, or partial and nothing more will come.
def quantities:
	"\(.at)/quantity" as $at
	| (.quantity | quantity(10; $at)) as $shipped
	| if .requested == null then [ "CC", null, $shipped, null ]
	  else
		([ .requested, "-\(.quantity)" ] | total) as $missing
		| if ($missing | tonumber) > 0 then [ "CP", (.requested | quantity(9; $at)), $shipped, ($missing | quantity(9; $at)) ]
		  else [ "CC", (.requested | quantity(9; $at)), $shipped, null ] end
	  end;

def shipped:
	item_ids as $ids
	| [ "W12" ] + quantities + [ unit, null, $ids[0][0], $ids[0][1], lot ] + [ range(7) | null ] + ($ids[1] // []),
	  references;

# One LX for a package and what is in it, one for each line that came without.
def loops:
	(packages[]
	 | [ [ "LX" ], (.sscc | select(. != null) | serial_shipping_container_code), (package_lines[] | shipped) ]),
	(loose_lines[] | [ [ "LX" ], shipped ]);

def body:
	[ loops ] as $loops
	| [ packages[] | package_lines[] ] + loose_lines | map(.quantity) as $shipped
	| if $loops == [] then problem("empty"; "nothing was shipped"; "/data") else . end
	| [ "W06", "F", ($data.document.id | number(22; "/data/document/id")), date, ($data.shipment | number(30; "/data/shipment")) ],
	  warehouse("SF"),
	  ship_to,
	  party("DE"; $vars.depositor_name; $vars.depositor_id),
	  ($data.bol | select(. != null) | [ "N9", "BM", number(30; "/data/bol") ]),
	  ($data.tracking | select(. != null) | [ "N9", "CN", number(30; "/data/tracking") ]),
	  ($data.seal | select(. != null) | [ "N9", "SN", number(30; "/data/seal") ]),
	  [ "G62", "11", date ],
	  ($data.carrier.scac | select(. != null)
	   | [ "W27", $vars.transport, number(4; "/data/carrier/scac"), ($data.carrier.service | text(35)), null, null, null,
	       ($data.trailer | number(10; "/data/trailer")) ]),
	  (range($loops | length) as $i | $loops[$i] | .[0] += [ "\($i + 1)" ] | .[]),
	  [ "W03", ($shipped | total | quantity(10; "/data")) ] + weight;

deliver("ship"; "SW"; "945"; body)
