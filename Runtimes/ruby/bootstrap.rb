# frozen_string_literal: true

# Entry point of the Ruby runtimes.

require_relative '_apus/main'

Apus::Main.run
