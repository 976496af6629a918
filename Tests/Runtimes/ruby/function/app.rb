# frozen_string_literal: true

# Does as the conformance suite says: Tests/Runtimes/README.md.

require 'logger'
require 'securerandom'

TOKEN = SecureRandom.uuid
CALLS = [0]

class Refused < StandardError; end

class Suite
  class << self
    def echo(value, _) = value

    def fail(*) = raise(Refused, 'no, ünï')

    def sleep(seconds, _)
      Kernel.sleep(seconds)
      nil
    end

    def exit(status, _) = Process.exit!(status)

    def grow(*)
      taken = []
      loop { taken << ('x' * (1 << 20)) }
    end

    def remember(*) = [TOKEN, CALLS[0] += 1]

    def write(text, _)
      File.write('/tmp/kept', text)
      nil
    end

    def read(*) = File.exist?('/tmp/kept') ? File.read('/tmp/kept') : nil

    def variables(*) = ENV.to_h

    def trace(*) = ENV['_X_AMZN_TRACE_ID']

    def context(_, context)
      {
        requestId: context.aws_request_id, functionName: context.function_name, functionVersion: context.function_version,
        invokedFunctionArn: context.invoked_function_arn, memoryLimitInMB: context.memory_limit_in_mb,
        logGroupName: context.log_group_name, logStreamName: context.log_stream_name,
        remainingTimeInMillis: context.get_remaining_time_in_millis, clientContext: context.client_context
      }
    end

    def print(text, _) = $stdout.puts(text)

    def complain(text, _) = warn(text)

    def log(text, _)
      logger = Logger.new($stdout)
      %w[debug info warn error].each { |level| logger.public_send(level, "#{level} #{text}") }
      nil
    end

    def state(*)
      links = Dir.children('/proc/self/fd').map { |name| "/proc/self/fd/#{name}" }.select { |link| File.exist?(link) }
      {
        variables: ENV.to_h, arguments: [$0, ARGV, __FILE__], path: $LOAD_PATH, gems: Gem.path, folder: Dir.pwd,
        loaded: $LOADED_FEATURES.reject { |file| file.start_with?('/var/runtime/') }.sort,
        specifications: Gem.loaded_specs.keys.sort, threads: Thread.list.size, zone: Time.at(0).zone,
        encodings: [Encoding.default_external, Encoding.default_internal, Encoding.find('locale')].map(&:to_s),
        descriptors: links.map { |link| File.readlink(link)[/[^:]*/] }.sort
      }
    end

    def adrift(*)
      Thread.new { raise Refused, 'adrift' }.join
    rescue Refused
      nil # the thread has said so on standard error
    end

    def layer(*)
      require 'greeting'
      GREETING
    end
  end
end

def handler(event:, context:)
  Suite.public_send(event['do'], event['with'], context)
end
