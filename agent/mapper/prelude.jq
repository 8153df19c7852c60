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

# The child's environment holds the zone, for libc.
{} as $ENV |
