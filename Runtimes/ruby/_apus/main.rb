# frozen_string_literal: true

# What AWS's own client has loaded before the function, and no more: a gem of the function's has to win over a library that the
# function does not know to be there.
require 'json'
require 'logger'
require 'net/http'
require 'stringio'
require 'time'

require_relative 'client'
require_relative 'context'
require_relative 'faults'
require_relative 'handler'
require_relative 'marshaller'
require_relative 'output'
require_relative 'records'

module Apus
  # The life of a runtime process: prepare, load the handler, serve invocations one by one.
  module Main
    # The codes that AWS's client ends with.
    INIT_FAILED = -4
    HANDLER_FAILED = -1

    module_function

    def run
      become_environment if ARGV == ['cell']
      $stdout.sync = true
      Output.open(ENV.delete('_LAMBDA_TELEMETRY_LOG_FD'))
      Records.configure(ENV['AWS_LAMBDA_LOG_FORMAT'], ENV['AWS_LAMBDA_LOG_LEVEL'])
      api = RuntimeAPI.new(ENV.fetch('AWS_LAMBDA_RUNTIME_API'))
      given = ENV.to_h
      handler = load_handler(api)
      if ENV['AWS_LAMBDA_INITIALIZATION_TYPE'] == 'snap-start'
        require_relative 'snapshot'
        api = Snapshot.take(api, given)
      end
      serve(api, handler, LambdaContext::Function.new)
    rescue RuntimeAPI::Closed, SystemCallError
      exit!(1) # the platform has gone; nobody is left to tell
    end

    # Returns in each process that has been given a function, in the state in which a direct launch begins.
    def become_environment
      require_relative 'cell'
      ARGV.clear # user code sees the command line of a direct launch
      Cell.wait
      Dir.chdir(ENV.fetch('LAMBDA_TASK_ROOT', '.'))
      Cell.hang_up unless ENV['AWS_LAMBDA_INITIALIZATION_TYPE'] == 'snap-start'
    end

    def load_handler(api)
      root = Dir.pwd
      $LOAD_PATH.unshift(root) unless $LOAD_PATH.include?(root)
      handler = LambdaHandler.new(env_handler: ENV['_HANDLER'].to_s)
      require handler.handler_file_name
      handler
    rescue Exception => problem # user code: a syntax error is none of `StandardError`
      fault = Fault.new(problem, 'Init')
      Records.fault("Init error when loading handler #{ENV['_HANDLER']}", fault)
      api.post('init/error', fault.headers, fault.body)
      exit(INIT_FAILED)
    end

    def serve(api, handler, function)
      # A method call for each, so that event and result can be collected before the wait for the next.
      loop { invoke(api, handler, function) }
    end

    def invoke(api, handler, function)
      request = api.next
      Current.take(request)
      body, type = handler.call_handler(request: AwsLambda::Marshaller.marshall_request(request),
                                        context: LambdaContext.new(request, function))
      body = body.read if type == 'application/unknown'
      api.respond(request.id, body, type || 'application/json')
    rescue RuntimeAPI::Closed, RuntimeAPI::Refused
      raise
    rescue Exception => problem # `exit` is one, and so is running out of stack: AWS's client reports them all
      fail(api, request, problem)
    end

    # Errors that are no `StandardError`, and names that do not exist, end the process.
    def fail(api, request, problem)
      raise problem unless request

      ends = problem.is_a?(NameError) || !problem.is_a?(StandardError)
      fault = Fault.new(problem, 'Function')
      Records.fault(ends ? 'Critical exception from handler' : 'Error raised from handler method', fault)
      path = "invocation/#{request.id}/error"
      return api.fail(request.id, fault.headers, fault.body) unless ends

      api.post(path, fault.headers, fault.body)
      exit(HANDLER_FAILED)
    end
  end
end
