# Tag inventory events, one by one, as an array, or in "events". Of an EPC that comes in base64 only, its hex.
# What else the reader tells (inventoryStatus, gpiTransition, …) makes no event.
def payloads:
	.payload
	| if type == "array" then .[]
	  elif type == "object" and (.events | type) == "array" then .events[]
	  else . end;

def epc:
	if (.epcHex | type) == "string" then .epcHex
	elif (.epc | type) == "string" then
		# Speedway Connect has hex here; the IoT device interface base64.
		if .epc | test("\\A([0-9A-Fa-f]{4})+\\z") and length >= 24 then .epc else .epc | base64_bytes | bytes_hex end
	else error("this tag has neither epcHex nor epc") end;

def read($at; $device):
	{epc: epc, time: (.lastSeenTime // .firstSeenTime // .firstSeenTimestamp // .lastSeenTimestamp // $at),
	 antenna: .antennaPort, device: $device};

. as $in
| [payloads
   | if type != "object" then error("this is no event of a reader: an object is expected")
     elif (.tagInventoryEvent | type) == "object" then
		.timestamp as $at | .hostname as $host | .tagInventoryEvent | read($at; $host)
     elif has("epc") or has("epcHex") then
		if .isHeartBeat == true then empty else read(.timestamp; .hostname // .readerName) end
     elif has("eventType") or (to_entries | any(.key | endswith("Event"))) then empty
     else error("this is no event of a reader: it has no tagInventoryEvent") end] as $reads
| $in | tag_events($reads)
