# A tag that was read, or an array of them. What else a reader sends to the same place (heartbeats, inputs,
# BLE_DATA) makes no event.
def modes: ["SIMPLE", "INVENTORY", "PORTAL", "CONVEYOR", "CUSTOM", "DIRECTIONALITY"];
def is_tag: type == "object" and (.data | type) == "object" and (.data.idHex | type) == "string";
def is_other: type == "object" and (.type | type) == "string" and (.type as $type | modes | index($type) | not);

. as $in
| [.payload | if type == "array" then .[] else . end
   | if is_tag then {epc: .data.idHex, time: .timestamp, antenna: .data.antenna}
     elif is_other then empty
     else error("this is no tag data: it has no data.idHex") end] as $reads
| $in | tag_events($reads)
