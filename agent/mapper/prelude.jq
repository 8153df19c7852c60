# What stands before every program, joined to one line: the program's first line is then the compiler's.
#
# A pure function has no business with these. That they can't be had is the sandbox's work; here they
# say so. `import` and `include` may stand at the top of a program only: behind this they are no grammar.
def not_to_be_had($what): error("\($what) is not to be had: a connector is a pure function");
def env: not_to_be_had("env");
def now: not_to_be_had("now");
def input: not_to_be_had("input");
def inputs: not_to_be_had("inputs");
def debug: not_to_be_had("debug");
def stderr: not_to_be_had("stderr");
def input_filename: not_to_be_had("input_filename");
def input_line_number: not_to_be_had("input_line_number");
def get_search_list: not_to_be_had("get_search_list");
def get_prog_origin: not_to_be_had("get_prog_origin");
def get_jq_origin: not_to_be_had("get_jq_origin");
def modulemeta: not_to_be_had("modulemeta");
def halt: not_to_be_had("halt");
def halt_error: not_to_be_had("halt_error");
def halt_error($code): not_to_be_had("halt_error");

# jq 1.6's mktime, and fromdate with it, is an hour off in summer (jq issue 2490). This one counts the
# days of the civil calendar, in years that begin in March.
def seconds_of_utc:
  ((.[1] + 10) % 12) as $month
  | (.[0] - if $month > 9 then 1 else 0 end) as $year
  | ($year * 365 + ($year / 4 | floor) - ($year / 100 | floor) + ($year / 400 | floor)
     + ((153 * $month + 2) / 5 | floor) + .[2] - 719469) * 86400
    + .[3] * 3600 + .[4] * 60 + (.[5] | floor);
def mktime:
  if type != "array" or length < 6 or any(.[0:6][]; type != "number")
  then error("mktime takes the six numbers of a time") else seconds_of_utc end;
# libc's calendar ends in January 2038 where its time_t has 32 bits (Debian's armhf), and jq then takes the
# last second there is for any later one: a shelf life of 2099 would be over in 2038. This one has no end.
def gmtime:
  if type != "number" then error("gmtime takes a number of seconds") else . end
  | (. / 86400 | floor) as $days
  | (. - $days * 86400) as $rest
  | ($days + 719468) as $since
  | ($since / 146097 | floor) as $era
  | ($since - $era * 146097) as $day
  | (($day - ($day / 1460 | floor) + ($day / 36524 | floor) - ($day / 146096 | floor)) / 365 | floor) as $year
  | ($day - 365 * $year - ($year / 4 | floor) + ($year / 100 | floor)) as $day
  | ((5 * $day + 2) / 153 | floor) as $month
  | [$era * 400 + $year + (if $month > 9 then 1 else 0 end), ($month + 2) % 12,
     $day - ((153 * $month + 2) / 5 | floor) + 1,
     ($rest / 3600 | floor), ($rest / 60 | floor) % 60, $rest - ($rest / 60 | floor) * 60,
     ($days % 7 + 11) % 7, 0]
  | .[7] = $days - ([.[0], 0, 1, 0, 0, 0] | seconds_of_utc) / 86400;
# The zone's clock of a later second is as far from UTC as 28 years before, when the days of the week were the
# same; behind the year 2100, which has no leap day, its summer may begin some days early or late.
def libc_localtime: localtime;
def localtime:
  if type != "number" or . < 2147483648 then libc_localtime else
    . as $at
    | (floor - ((. - 2147483648) / 883612800 | floor + 1) * 883612800) as $before
    | $at + ($before | libc_localtime | seconds_of_utc) - $before | gmtime end;
def libc_strftime($form): strftime($form);
def strftime($form): if type == "number" then gmtime else . end | libc_strftime($form);
def libc_strflocaltime($form): strflocaltime($form);
def strflocaltime($form): if type == "number" then localtime else . end | libc_strflocaltime($form);
def todateiso8601: strftime("%Y-%m-%dT%H:%M:%SZ");
def todate: todateiso8601;
def date: todate;
def fromdateiso8601: strptime("%Y-%m-%dT%H:%M:%SZ") | mktime;
def fromdate: fromdateiso8601;

# "2026-11-21T14:04:05.123Z" to "2026-11-21T15:04:05+01:00". jq 1.6 gives %z of a local time wrong: the
# offset is the difference of the two clocks. The list shuts the `try` in: it would catch what comes after it,
# and the end of a `first()` around it too.
def local_time:
  def wrong: error("local_time: \(tojson) is no time such as \"2026-11-21T14:04:05.123Z\"");
  def two: tostring | if length < 2 then "0" + . else . end;
  if type == "string" then . else wrong end
  | .[19:] as $tail
  | [try (.[0:19] | strptime("%Y-%m-%dT%H:%M:%S")) catch null][0] as $clock
  | if $clock == null or ($tail | test("\\A([.]\\d+)?(Z|[+-]\\d\\d:\\d\\d)\\z") | not) then wrong
    elif $tail | endswith("Z") then $clock | seconds_of_utc
    else ($clock | seconds_of_utc)
      - (($tail[-5:-3] | tonumber) * 3600 + ($tail[-2:] | tonumber) * 60)
        * (if $tail[-6:-5] == "-" then -1 else 1 end)
    end
  | gmtime as $utc
  | localtime
  | ((.[3] - $utc[3]) * 60 + .[4] - $utc[4]
     + (if .[2] == $utc[2] then 0 elif . > $utc then 1440 else -1440 end)) as $offset
  | ($offset | fabs) as $minutes
  | strftime("%Y-%m-%dT%H:%M:%S") + (if $offset < 0 then "-" else "+" end)
    + ($minutes / 60 | floor | two) + ":" + ($minutes % 60 | two);
def local_date: local_time[0:10];
def uuid_hex: split("-") | join("");

# What adapters share (guide "Connecting a new scanner type"). A device's name: what it may not have is a hyphen.
# Of nothing it is null, and an event without a device is refused as such.
def device_name:
  if . == null or . == "" then null else tostring | gsub("[^A-Za-z0-9._-]+"; "-") | .[0:64] end;
# The level of the topic by number, from 1, or from the end with -1; null when there is none.
def topic_level($number):
  (.topic // "" | split("/")) as $levels
  | ($number | tonumber) as $n
  | if $n > 0 then $levels[$n - 1] else $levels[$n] end
  | if . == "" then null else . end;

# Bytes are numbers from 0 to 255 here: jq's own @base64d takes what is no UTF-8 for U+FFFD.
def base64_bytes:
  [explode[]
   | if . >= 65 and . <= 90 then . - 65 elif . >= 97 and . <= 122 then . - 71
     elif . >= 48 and . <= 57 then . + 4 elif . == 43 or . == 45 then 62
     elif . == 47 or . == 95 then 63 elif . == 61 or . <= 32 then empty
     else error("base64 has no \([.] | implode | tojson)") end]
  | [range(0; length; 4) as $at | .[$at:$at + 4] | length as $n
     | ([.[], 0, 0, 0] | .[0] * 262144 + .[1] * 4096 + .[2] * 64 + .[3]) as $sum
     | [($sum / 65536 | floor), ($sum / 256 | floor % 256), $sum % 256][0:$n - 1][]];
def bytes_base64:
  [range(0; length; 3) as $at | .[$at:$at + 3] | length as $n
   | ([.[], 0, 0] | .[0] * 65536 + .[1] * 256 + .[2]) as $sum
   | [($sum / 262144 | floor), ($sum / 4096 | floor), ($sum / 64 | floor), $sum]
   | map(. % 64 | "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"[.:. + 1])
   | .[0:$n + 1] + ["=", "="][0:3 - $n]]
  | add // [] | join("");
def bytes_hex: [.[] | (. / 16 | floor), . % 16 | "0123456789ABCDEF"[.:. + 1]] | join("");

# A scan as a line has it. In front of its text stands the symbology's identifier (ISO/IEC 15424) where the
# label's name tells it; bytes that are no text go as they are.
def scan_line($symbology):
  ($symbology // "" | tostring | ascii_upcase | ltrimstr("LABEL-TYPE-") | gsub("[^A-Z0-9]+"; "")) as $name
  | {barcode: (
      if startswith("]") then .
      elif $name == "EAN128" or $name == "GS1128" then "]C1" + .
      elif $name == "GS1DATAMATRIX" then "]d2" + .
      elif $name == "GS1QRCODE" or $name == "GS1QR" then "]Q3" + .
      elif $name | startswith("GS1DATABAR") then "]e0" + .
      elif $name == "EAN13" and length == 13 then "]E0" + .
      elif $name == "UPCA" and length == 12 then "]E00" + .
      else . end)};
def bytes_line($symbology):
  bytes_base64 as $base64
  | ($base64 | @base64d) as $text
  | if $text | explode | any(. == 0 or . == 65533) then {scan_bytes: $base64} else $text | scan_line($symbology) end;

# A tag's EPC, in hex, by GS1's Tag Data Standard: SGTIN-96 is {gtin, serial}, SSCC-96 {sscc}, any other null.
# Behind header and filter stand partition (3 bits), company prefix and reference (44 or 58), serial number (38)
# or zeros. The number is read in halves: a double has 53 bits.
def epc_read:
  def half: reduce .[] as $c (0; . * 16 + if $c > 96 then $c - 87 elif $c > 64 then $c - 55 else $c - 48 end);
  def digits($n): tostring | "000000000000"[0:[$n - length, 0] | max] + .;
  def checked: . + (reduce (explode | reverse | to_entries[]) as {$key, $value}
    (0; . + ($value - 48) * (3 - $key % 2 * 2)) | (10 - . % 10) % 10 | tostring);
  if test("\\A3[01][0-9A-Fa-f]{22}\\z") | not then null
  else
    startswith("30") as $is_sgtin
    | explode | (.[0:12] | half) as $high | (.[12:24] | half) as $low
    | (if $is_sgtin then 10 else 24 end) as $low_bits
    | ($high / 17179869184 | floor % 8) as $partition
    | ($high % 17179869184) as $a
    | ($low / pow(2; 48 - $low_bits) | floor) as $b
    | ([40, 37, 34, 30, 27, 24, 20, 20][$partition] - 34) as $over
    | (if $over > 0 then pow(2; $low_bits - $over) else pow(2; $low_bits) end) as $cut
    | (if $over > 0 then [$a * pow(2; $over) + ($b / $cut | floor), $b % $cut]
       else [($a / pow(2; -$over) | floor), $a % pow(2; -$over) * $cut + $b] end) as [$company, $reference]
    | (if $is_sgtin then 1 else 5 end + $partition) as $length
    | ($reference | digits($length)) as $reference
    | ($company | digits(12 - $partition)) as $prefix
    | if $partition == 7 or $company == 0 or ($reference | length) > $length
        or ($prefix | length) > 12 - $partition then null
      else
        ($reference[0:1] + $prefix + $reference[1:] | checked) as $key
        | if $is_sgtin then {gtin: $key, serial: ($low % 274877906944 | tostring)} else {sscc: $key} end
      end
  end;
# Tags' EPCs as lines: each tag once, those of one GTIN together with their serial numbers. What is no GTIN and
# no SSCC is a barcode in the standard's raw form, or left out when it is not wanted.
def epc_lines($wants_others):
  [.[] | if test("[a-f]") and test("\\A[0-9A-Fa-f]+\\z") then ascii_upcase else . end] | unique
  | [.[] | epc_read
     // (if $wants_others | not then empty
         elif test("\\A([0-9A-F]{4})+\\z") then {barcode: "urn:epc:raw:\(length * 4).x\(.)"}
         else {barcode: .} end)]
  | [group_by(.gtin // .sscc // .barcode)[]
     | if .[0].gtin then {item: {gtin: .[0].gtin}, quantity: length, serials: map(.serial)}
       else .[0] + {quantity: 1} end];

# Events of the tags that a reader saw, [{epc, time, antenna, device}]: one for each device and dock, or, with
# vars.once, one for each tag that is the same however often the tag is seen in that hour or day: its time is
# the hour's or day's beginning, `senttime` says when it was seen.
def tag_events($reads):
  def beginning($once):
    if type != "string" and (type != "number" or . < 0 or . >= 1e17) then error("\(tojson) is no time")
    elif type == "number" then . / (if . < 100000000000 then 1 elif . < 100000000000000 then 1000 else 1000000 end)
      | floor | todate else . end
    | (capture("(?<zone>Z|[+-]\\d\\d(:?\\d\\d)?)\\z").zone? // "Z") as $zone
    | (if $once == "day" then .[0:10] + "T00" else .[0:13] end) + ":00:00" + $zone;
  . as $in | .vars as $vars
  | ($vars.other_tags != "skip") as $wants_others
  | [$reads[]
     | .device = ($vars.device // .device // ($in | topic_level($vars.device_level)) // $in.source | device_name)
     | .dock = (($vars.docks // {})[.antenna | tostring] // $vars.dock)]
  | [group_by([.device, .dock])[]
     | {device: .[0].device, type: $vars.type} as $head
     | (if .[0].dock then {dock: .[0].dock} else {} end + ($vars.data // {})) as $data
     | if $vars.once then
         map(.begin = (.time | beginning($vars.once))) | sort_by(.time) | unique_by([.epc, .begin])[]
         | ([.epc] | epc_lines($wants_others)) as $lines
         | select($lines | length > 0)
         | $head + {id: "\(.epc)-\(.begin)" | @uri, time: .begin, senttime: .time, data: ($data + {lines: $lines})}
       else
         (map(.time) | max) as $time
         | (map(.epc) | epc_lines($wants_others)) as $lines
         | range(0; $lines | length; 500) as $at
         | $head + {time: $time, data: ($data + {lines: $lines[$at:$at + 500]})}
       end];

# The child's environment holds the zone, for libc.
{} as $ENV |
