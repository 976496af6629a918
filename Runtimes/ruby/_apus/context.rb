# frozen_string_literal: true

module Apus
  # The invocation in progress, for log records; empty during init.
  module Current
    class << self
      attr_reader :request_id, :tenant_id

      def take(request)
        @request_id = request.id
        @tenant_id = request['lambda-runtime-aws-tenant-id']
        ENV['_X_AMZN_TRACE_ID'] = request['lambda-runtime-trace-id'] # nil removes it
      end
    end
  end
end

# The `context` argument of handlers: one invocation, by the headers it came with.
class LambdaContext
  # What a context says about the function; the same for every invocation.
  class Function
    attr_reader :log_group_name, :log_stream_name, :function_name, :memory_limit_in_mb, :function_version

    def initialize
      @log_group_name = ENV['AWS_LAMBDA_LOG_GROUP_NAME']
      @log_stream_name = ENV['AWS_LAMBDA_LOG_STREAM_NAME']
      @function_name = ENV['AWS_LAMBDA_FUNCTION_NAME']
      @memory_limit_in_mb = ENV['AWS_LAMBDA_FUNCTION_MEMORY_SIZE']
      @function_version = ENV['AWS_LAMBDA_FUNCTION_VERSION']
    end
  end

  attr_reader :aws_request_id, :invoked_function_arn, :log_group_name, :log_stream_name, :function_name, :memory_limit_in_mb,
              :function_version, :identity, :tenant_id, :client_context, :deadline_ms

  def initialize(request, function)
    @aws_request_id = request.id
    @invoked_function_arn = request['lambda-runtime-invoked-function-arn']
    @deadline_ms = request['lambda-runtime-deadline-ms'].to_i
    @tenant_id = request['lambda-runtime-aws-tenant-id']
    @identity = parsed(request['lambda-runtime-cognito-identity'])
    @client_context = parsed(request['lambda-runtime-client-context'])
    @log_group_name = function.log_group_name
    @log_stream_name = function.log_stream_name
    @function_name = function.function_name
    @memory_limit_in_mb = function.memory_limit_in_mb
    @function_version = function.function_version
  end

  def get_remaining_time_in_millis
    [@deadline_ms - Process.clock_gettime(Process::CLOCK_REALTIME, :millisecond), 0].max
  end

  private

  def parsed(text) = text.to_s.empty? ? nil : JSON.parse(text)
end
