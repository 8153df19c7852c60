# dataEVT: tags that were read, barcodes that were scanned, or both. Alerts and heartbeats that come by the
# same topic make no event.
def records($name): (.payload.data[$name]? // []) | if type == "array" then .[] | objects else empty end;

# A record's own time; the message's is that of all.
def time_of($payload): .timestamp // .time // $payload.timestamp;

def tags:
	.payload as $payload
	| [records("tagData") | (.EPC // .EPCid // .idHex | strings) as $epc
	   | {epc: $epc, time: time_of($payload), antenna}];

def scans:
	. as $in
	| [records("barcodeData") | select(.decodedBarcode | type == "string")]
	| if length == 0 then empty
	  else {
		device: ($in.vars.device // ($in | topic_level($in.vars.device_level)) // $in.source | device_name),
		type: $in.vars.type,
		time: (map(time_of($in.payload)) | max),
		data: ((if $in.vars.dock then {dock: $in.vars.dock} else {} end) + ($in.vars.data // {})
			+ {lines: map(.symbology as $symbology
				| .decodedBarcode | scan_line($symbology) + {quantity: 1})})
	  } end;

if (.payload | type) != "object" then error("this is no dataEVT: an object is expected")
elif (.payload.data | type) == "object" and (.payload.data | has("tagData") or has("barcodeData")) then
	tag_events(tags) + [scans]
elif .payload | has("type") or has("eventType") then []
else error("this is no dataEVT: it has neither data.tagData nor data.barcodeData") end
