# A scan a line; lines beside each other that say the same of the event are one event.

# Where in {about, line} a column's cell goes; null: it is of no use.
def place:
	if . == "-" then null
	elif . == "sku" or . == "gtin" or . == "supplier_item" then ["line", "item", .]
	elif . == "serial" then ["line", "serials", 0]
	elif . as $name | ["id", "time", "device", "operator", "document", "dock", "tote"] | index($name) then ["about", .]
	elif . as $name | ["barcode", "sscc", "quantity", "uom", "lot", "expiry", "location", "to_location",
		"condition", "reason"] | index($name) then ["line", .]
	else error("vars.columns: \(.) is none that is known") end;

# "a;""b"";c": RFC 4180 within a line.
def unquoted($separator):
	reduce (explode[] | [.] | implode) as $char ({cells: [""], is_quoted: false, ended: false};
		if $char == "\"" and .is_quoted then .is_quoted = false | .ended = true
		elif $char == "\"" then
			(if .ended then .cells[-1] += "\"" else . end) | .is_quoted = true | .ended = false
		elif (.is_quoted | not) and $char == $separator then .cells += [""] | .ended = false
		else .cells[-1] += $char | .ended = false end)
	| .cells;

# What stands around a cell (blanks, a carriage return, a scanner's STX and ETX) is no part of it.
def trimmed: gsub("\\A[ \\t\\x{02}]+|[ \\t\\r\\x{03}]+\\z"; "");
def cells($vars; $n):
	if $n == 1 then [.]
	elif contains("\"") then unquoted($vars.separator)
	else split($vars.separator) end
	| if any(.[]; test("\\A[ \\t\\x{02}]|[ \\t\\r\\x{03}]\\z")) then map(trimmed) else . end
	| if length > $n then error("a line has \(length) columns, vars.columns names \($n)") else . end;

def row($vars; $places):
	cells($vars; $places | length) as $cells
	| reduce range(0; $cells | length) as $at ({about: {}, line: {}};
		if $cells[$at] == "" or $places[$at] == null then . else setpath($places[$at]; $cells[$at]) end)
	| if $vars.decimal != "." and (.line.quantity | type) == "string" then
		.line.quantity |= (split($vars.decimal) | join(".")) else . end
	| select(.line != {} or .about != {});

. as $in
| .vars as $vars
| [$vars.columns | if type == "string" then split(",") else . end | .[] | place] as $places
| [.payload | split("\n")[] | select(test("\\S"))]
| .[if $vars.header == true or $vars.header == "true" then 1 else 0 end:]
| (if $vars.quantity == "barcode" then {} else {quantity: $vars.quantity} end) as $counted
| reduce (.[] | row($vars; $places)) as $row ([];
	($counted + $row.line) as $line
	| if .[-1].about == $row.about and (.[-1].lines | length) < 500 then .[-1].lines += [$line]
	  else . + [{about: $row.about, lines: [$line]}] end)
| map(.lines as $lines | .about
	| (if .id then {id} else {} end) + (if .operator then {operator} else {} end)
	+ {time: (.time // $in.received), type: $vars.type,
	   device: (.device // ($in | topic_level($vars.device_level)) // $in.source | device_name),
	   data: ($vars.data
		+ (if .dock then {dock} else {} end) + (if .tote then {tote} else {} end)
		+ (if .document then {document: {type: $vars.document_type, id: .document}} else {} end)
		+ {lines: $lines})})
