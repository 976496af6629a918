# frozen_string_literal: true

module Apus
  # What loggers write that have standard output for their device: frames with the request id, as lines or as JSON.
  module Records
    class << self
      attr_reader :least

      # - format: `JSON`, or anything else for lines.
      # - level: the least that is written; `INFO` unless there is one where the format is JSON.
      def configure(format, level)
        @is_json = format.to_s.casecmp?('JSON')
        level = 'DEBUG' if level.to_s.casecmp?('TRACE')
        @least = Logger::Severity.const_get((level || (@is_json ? 'INFO' : 'DEBUG')).upcase)
        Logger.prepend(LoggerDefaults)
      end

      def formatter = @is_json ? JSONFormatter.new : LineFormatter.new

      def device = @is_json ? JSONDevice.new : Output.sink

      # Logs an error of the function.
      def fault(title, fault)
        if @is_json
          JSONDevice.new.write("#{Records.document('ERROR', Time.now, title, fault.to_h)}\n")
        else
          Output.sink.write("#{title}\n")
          Output.sink.write("#{JSON.pretty_generate(fault.to_h)}\n")
        end
      end

      def document(level, time, message, more = {})
        fields = {
          timestamp: time.utc.iso8601(3), level: level, message: message, requestId: Current.request_id,
          tenantId: Current.tenant_id
        }
        JSON.generate(fields.compact.merge(more))
      end
    end

    # Writes frames that say they are JSON.
    class JSONDevice
      def write(text) = Output.sink.write(text, Output::JSON)

      def close; end
    end

    # `Logger`'s own line, with the request id before the name.
    class LineFormatter < Logger::Formatter
      def call(severity, time, progname, message)
        format("%s, [%s #%d] %5s %s -- %s: %s\n", severity[0], format_datetime(time), Process.pid, severity, Current.request_id,
               progname, msg2str(message))
      end
    end

    # Hashes stay objects, errors become fields.
    class JSONFormatter < Logger::Formatter
      def call(severity, time, _progname, message)
        text, more = case message
                     when Exception then [Output.text(message.message), error_fields(message)]
                     when String then [Output.text(message), {}]
                     when Hash then [message, {}]
                     else [message.inspect, {}]
                     end
        "#{Records.document(severity, time, text, more)}\n"
      end

      private

      def error_fields(problem)
        { errorType: problem.class.to_s, errorMessage: Output.text(problem.message), stackTrace: problem.backtrace || [] }
      end
    end

    # Loggers for standard output or none write records; others are the function's own business.
    module LoggerDefaults
      def initialize(device, *rest, **settings)
        return super unless device.nil? || device.equal?($stdout) || device.equal?($stderr)

        super(Records.device, *rest, **settings, formatter: settings[:formatter] || Records.formatter)
        self.level = [level, Records.least].max
      end
    end
  end
end
