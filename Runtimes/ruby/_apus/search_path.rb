# frozen_string_literal: true

module Apus
  # The search paths that Ruby made of variables while it booted, made again of those that have come since.
  module SearchPath
    @from_boot = ENV['RUBYLIB'].to_s.split(':').reject(&:empty?)

    class << self
      def follow
        folders = ENV['RUBYLIB'].to_s.split(':').reject(&:empty?)
        # Ruby puts those of the variable in front of its own.
        $LOAD_PATH.shift(@from_boot.size)
        $LOAD_PATH.unshift(*folders.map { |folder| File.expand_path(folder) })
        @from_boot = folders
        Gem.clear_paths
      end
    end
  end
end
