# frozen_string_literal: true

module Apus
  # Where log records and `puts` go: frames on the telemetry descriptor, or lines on standard output.
  #
  # A frame is, big-endian: type (4 bytes), payload length (4), microseconds since the epoch (8), payload. The low bits of the type
  # tell text (1) from JSON (0).
  module Output
    TEXT = 0xA55A0003
    JSON = 0xA55A0002

    # Has what a `Logger` asks of its device.
    class FrameSink
      def initialize(descriptor)
        @file = IO.for_fd(descriptor, 'wb')
        @file.sync = true # a write is whole then, also between threads and in signal handlers
        # A child process writes plain lines to its standard output; it has no business with the frames.
        @file.close_on_exec = true
      end

      def write(text, type = TEXT)
        @file.write([type, text.bytesize, Process.clock_gettime(Process::CLOCK_REALTIME, :microsecond)].pack('NNQ>') + text.b)
      rescue SystemCallError
        nil # nobody reads the log any more: no reason to fail the handler
      end

      def close; end
    end

    # Writes to standard output.
    class LineSink
      def write(text, _type = TEXT) = $stdout.write(text)

      def close; end
    end

    class << self
      attr_reader :sink

      # UTF-8, whatever the function wrote: bytes are taken for it, and what is not is replaced.
      def text(value)
        text = value.to_s
        text = text.dup.force_encoding(Encoding::UTF_8) if text.encoding == Encoding::BINARY
        text.encode(Encoding::UTF_8, invalid: :replace, undef: :replace).scrub
      end

      # - descriptor: a number as text; nil for lines.
      def open(descriptor)
        @sink = descriptor ? FrameSink.new(descriptor.to_i) : LineSink.new
        Kernel.prepend(Puts) if descriptor
      end
    end

    # A `puts` is one event, however many lines it has; where the function has put another object into `$stdout`, it goes there.
    module Puts
      private

      def puts(*values)
        return super unless $stdout.equal?(STDOUT)

        lines = values.flatten.map { |value| Output.text(value) }
        lines << '' if lines.empty?
        Output.sink.write(lines.map { |line| line.end_with?("\n") ? line : "#{line}\n" }.join)
        nil
      end
    end
  end
end
