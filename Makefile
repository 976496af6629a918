# `make` alone tells what there is. The work is done by the scripts in Scripts/.

PREFIX ?= /usr/local
LISTEN ?= 127.0.0.1:4566

SWIFT_FILES = $(shell git ls-files -co --exclude-standard -- '*.swift')

.PHONY: help
help:
	@echo 'make run         build, start the server, deploy Examples/hello and call it    [LISTEN=$(LISTEN) DRIVER=linux|userns|process]'
	@echo 'make stop        stop the server that `make run` started'
	@echo 'make test        build and run every test                                      [SOAK=1: the two-minute soak]'
	@echo 'make bench       measure, beside yardsticks of the same run'
	@echo 'make build       the release build alone'
	@echo 'make install     copy the build to PREFIX                                      [PREFIX=$(PREFIX)]'
	@echo 'make uninstall   remove it again'
	@echo 'make format      lay out the Swift sources; `make lint` only checks'

.PHONY: run
run:
	@LISTEN='$(LISTEN)' DRIVER='$(DRIVER)' Scripts/run

.PHONY: stop
stop:
	@Scripts/stop

.PHONY: build
build:
	@Scripts/install-dependencies
	@Scripts/build

.PHONY: test
test:
	@APUS_SOAK='$(SOAK)' Scripts/test

.PHONY: bench
bench:
	@Scripts/install-dependencies
	@Scripts/build
	@Benchmarks/run --check

.PHONY: format
format:
	swift format --in-place --parallel $(SWIFT_FILES)

.PHONY: lint
lint:
	swift format lint --strict --parallel $(SWIFT_FILES)

.PHONY: install
install: build
	install -d '$(DESTDIR)$(PREFIX)/bin' '$(DESTDIR)$(PREFIX)/share/apus'
	install -m 755 .build/release/apus .build/release/apus-launcher '$(DESTDIR)$(PREFIX)/bin'
	rm -rf '$(DESTDIR)$(PREFIX)/share/apus/Runtimes'
	cp -R Runtimes '$(DESTDIR)$(PREFIX)/share/apus/Runtimes'
	rm -rf '$(DESTDIR)$(PREFIX)/share/apus/Examples'
	cp -R Examples '$(DESTDIR)$(PREFIX)/share/apus/Examples'
	rm -rf '$(DESTDIR)$(PREFIX)/share/apus/Examples/'*/.build '$(DESTDIR)$(PREFIX)/share/apus/Examples/'*/target
	find '$(DESTDIR)$(PREFIX)/share/apus/Runtimes' -mindepth 1 \( -name 'tests' -o -name 'conftest.py' -o -name '.*' -o -name '__pycache__' \) -prune -exec rm -rf {} +
	@echo 'installed; start it with: $(PREFIX)/bin/apus serve'

.PHONY: uninstall
uninstall:
	rm -f '$(DESTDIR)$(PREFIX)/bin/apus' '$(DESTDIR)$(PREFIX)/bin/apus-launcher'
	rm -rf '$(DESTDIR)$(PREFIX)/share/apus'
