# A scan of a scanner, by its serial number. Other events of the stream (scanner_state, button_pressed,
# errors, …) make none.
def line:
	if (.scan_bytes | type) == "string" and .scan_bytes != "" then
		(.scan_decode_symbology // .symbology) as $symbology | .scan_bytes | base64_bytes | bytes_line($symbology)
	elif (.scan_code | type) == "string" then
		(.scan_decode_symbology // .symbology) as $symbology | .scan_code | scan_line($symbology)
	else error("this scan has neither scan_code nor scan_bytes") end;

. as $in
| (if .vars.quantity == "barcode" then {} else {quantity: .vars.quantity} end) as $counted
| [.payload | if type == "array" then .[] else . end
   | if type != "object" or (.event_type | type) != "string" then
		error("this is no event of ProGlove's: it has no event_type")
     elif .event_type != "scan" then empty
     else
		{id: .event_id, device: (.device_serial // .gateway_serial // $in.source | device_name),
		 type: $in.vars.type, time: .time_created, data: (($in.vars.data // {}) + {lines: [line + $counted]})}
		| with_entries(select(.value != null))
     end]
