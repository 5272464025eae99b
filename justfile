# Shortcuts; each is one plain command.

# Everything, as the continuous check runs it.
test:
    scripts/test

# The fast loop: the machines and their stories.
machines:
    cargo test -p quittance-actors

# Formats the code.
fmt:
    cargo fmt --all

# Lints, as the check has them.
lint:
    cargo clippy --workspace --all-targets -- -D warnings

# Rewrites expectations; then read the diff.
update-expect:
    UPDATE_EXPECT=1 cargo test --test it

# The demo.
demo:
    cargo run --release -- demo

# The engine's figures.
bench:
    cargo run --release -- bench ingest

# The simulation for long: a hundred thousand seeds.
soak:
    SIM_SEEDS=100000 cargo test --release --test simulation every_seed -- --nocapture

# kill -9 under load, two hundred times.
kill-rounds:
    cargo test --release --test it -- --ignored --nocapture --test-threads=1 two_hundred_times

# Fuzzes one reader, such as camt or mt940, for some seconds; needs cargo-fuzz and a nightly compiler.
fuzz target seconds="600":
    cargo +nightly fuzz run {{target}} -- -max_total_time={{seconds}} -rss_limit_mb=256 -timeout=10
