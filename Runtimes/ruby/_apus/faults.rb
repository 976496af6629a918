# frozen_string_literal: true

module Apus
  # An error: what the client gets, what the log shows, what X-Ray is told.
  class Fault
    # Header blocks have a bound on the server's side; a cause beyond it is dropped, the error itself is not.
    XRAY_LIMIT = 60_000
    XRAY_FRAMES = 15
    FRAMES = 100
    OWN_FILES = "#{__dir__}/"

    # The types that the header of an answer may name.
    NAMED = %w[ArgumentError NoMethodError Exception StandardError NameError LoadError SystemExit SystemStackError].freeze

    # `stage` is part of the type: `Function` or `Init`.
    def initialize(problem, stage)
      @name = problem.class.to_s
      @kind = "#{stage}<#{@name}>"
      @message = message(problem)
      @frames = frames(problem)
    end

    def to_h = { errorMessage: @message, errorType: @kind, stackTrace: @frames.map(&:to_s) }

    def body = JSON.generate(to_h)

    def headers
      cause = JSON.generate(xray_cause, ascii_only: true)
      lines = "Content-Type: application/json\r\n" \
              "Lambda-Runtime-Function-Error-Type: #{NAMED.include?(@name) ? @kind : 'Function<UserException>'}\r\n"
      lines += "Lambda-Runtime-Function-XRay-Error-Cause: #{cause}\r\n" if cause.bytesize < XRAY_LIMIT
      lines
    end

    private

    # A message that cannot be read must not hide the error that it describes.
    def message(problem)
      Output.text(problem.message)
    rescue StandardError => other
      "<#{other.class} while reading the message of #{@name}>"
    end

    # Up to the first frame of the runtime's own.
    def frames(problem)
      (problem.backtrace_locations || []).first(FRAMES).take_while { |frame| !frame.path.to_s.start_with?(OWN_FILES) }
    end

    def xray_cause
      stack = @frames.first(XRAY_FRAMES).map { |frame| { path: frame.path, line: frame.lineno, label: frame.label } }
      { working_directory: Dir.pwd, paths: Gem.paths.path, exceptions: [{ message: @message, type: @kind, stack: stack }] }
    end
  end
end
