# The extras of a scan's intent, under their full names or the short ones, and what the app puts beside them.
def short: ltrimstr("com.symbol.datawedge.") | ltrimstr("com.motorolasolutions.emdk.datawedge.");
def extras: (. + (.extras? // {} | objects)) | with_entries(.key |= short);

# decode_data: bytes, as Java has them (-128 to 127) or not, or base64; in a list of such, or by themselves.
def bytes:
	def flat: if type == "array" then .[] | flat else . end;
	if type == "string" then base64_bytes
	elif type == "array" and any(.[]; type == "string") then [.[] | strings | base64_bytes[]]
	elif type == "array" then [flat | numbers | (. + 256) % 256]
	else [] end;

# Text that was no UTF-8 has U+FFFD: then the bytes tell what was scanned.
def scanned:
	.label_type as $symbology
	| if (.data_string | type) == "string" and (.data_string | explode | any(. == 65533) | not) then
		.data_string | scan_line($symbology)
	  elif (.decode_data | bytes | length) > 0 then .decode_data | bytes | bytes_line($symbology)
	  else error("this is no scan of DataWedge: it has neither data_string nor decode_data") end;

def given($names; $words):
	. as $from
	| [$words[] | {key: ., value: $from[$names[.] // .]} | select(.value != null)] | from_entries;

. as $in
| .vars as $vars
| (if $vars.quantity == "barcode" then {} else {quantity: $vars.quantity} end) as $counted
| [.payload | if type == "array" then .[] else . end
   | if type != "object" then error("this is no scan of DataWedge: an object is expected") else extras end
   | given($vars.names; ["id", "time", "senttime", "sequence", "device", "operator"]) as $envelope
   | given($vars.names; ["document", "dock", "tote"]) as $about
   | given($vars.names; ["quantity", "uom", "lot", "expiry", "location", "to_location", "condition", "reason"]) as $of_line
   | (if .source == "rfid" and (.data_string | type) == "string" then
		.data_string | [splits("[\\s,;]+") | select(. != "")] | epc_lines(true)
      elif (.barcodes | type) == "array" then [.barcodes[] | objects | extras | scanned]
      else [scanned] end) as $lines
   | $envelope
     + {device: ($envelope.device // ($in | topic_level($vars.device_level)) // $in.source | device_name),
        type: $vars.type,
        data: ($vars.data + $about
		+ (if $about.document | type == "string" then
			{document: {type: $vars.document_type, id: $about.document}} else {} end)
		+ {lines: ($lines | map($counted + . + $of_line))})}]
