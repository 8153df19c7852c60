"""How near a durable batch comes to a shipper that keeps nothing: large requests, each claimed and
settled by a commit, out of a backlog that is stored and in live flow. Beside it the same requests from
a bare loop that stores nothing.
"""
SIZES = [(1, 16), (50, 16), (500, 1), (500, 2), (500, 4), (500, 8)]  # events in a request, requests
LIVE = [(1, 16), (50, 16), (500, 1), (500, 4)]


def measure(bench, count, size):
    most, concurrency = size
    destination = {"concurrency": concurrency, "batch": {"max": most, "max_bytes": "4MiB"}}
    with bench.house(destination, is_paused=True) as house:
        house.measure(count)
        row = {"batch": most, "concurrency": concurrency, "drain": house.resume(count)}
    if size in LIVE:
        with bench.house(destination) as house:
            row["live"] = house.measure(count)
    requests = max(count // most, 40)
    row["bare_events_per_s"] = most * bench.post(requests, most, concurrency)["posts_per_s"]
    return row


def run(bench, count):
    return [measure(bench, count, size) for size in SIZES]


def print_table(rows):
    if not rows:
        return
    print("\nDurable batches: from a stored backlog, and in live flow (with capture, on the same "
          "cores):\n")
    print("| events in a request | at once | backlog, events/s | µs of CPU | events a commit | "
          "in commits | drayd | sink | bare loop, events/s | live, events/s | µs of CPU | "
          "events a request |")
    print("|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|")
    for row in rows:
        drain, live = row["drain"], row.get("live")
        in_commits = drain["events_per_s"] / drain["events_per_commit"] * drain["commit_ms"] / 1e3
        print(f"| {row['batch']} | {row['concurrency']} | {drain['events_per_s']:,.0f} | "
              f"{drain['cpu_us_per_event']:.1f} | {drain['events_per_commit']:,.0f} | "
              f"{in_commits:.0%} | {drain['cores']['drayd']:.2f} | {drain['cores']['sink']:.2f} | "
              f"{row['bare_events_per_s']:,.0f} | " + (
                  f"{live['events_per_s']:,.0f} | {live['cpu_us_per_event']:.1f} | "
                  f"{live['events_per_request']:.1f} |" if live else "– | – | – |"))
