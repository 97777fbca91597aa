# Thin: each line calls cargo or a script in infra/.

.DEFAULT_GOAL := help
.PHONY: help sqlx up down clean-local test check fmt audit bench

help: ## Show this
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "%-20s %s\n", $$1, $$2 }'

up: ## Build and start everything with two simulated providers (DETACH=1: in the background)
	@infra/up

down: ## Stop what `make up` started
	@infra/down

clean-local: ## Stop it and delete its data, keys and ports (.local/)
	@infra/down
	@# Where Postgres' user cannot enter this folder, .local/postgres is a link to the data.
	rm -rf "$$(realpath -m .local/postgres)" .local

test: ## Run every test
	@infra/test

check: ## Formatting, lints and documentation, without changing anything
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --document-private-items --locked

sqlx: ## Check the SQL statements against the migrations and keep what builds need in .sqlx/
	@infra/sqlx

fmt: ## Format the code
	cargo fmt --all

audit: ## Check the dependencies: licences, bans, sources, known vulnerabilities
	@infra/audit

bench: ## Measure the gateway on this machine
	@if [ -x infra/bench ]; then infra/bench; else echo "there are no benchmarks yet"; fi
