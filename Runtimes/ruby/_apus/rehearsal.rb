# frozen_string_literal: true

module Apus
  # What a fork does while it waits: the way of a first invocation, so that the memory it writes to is its own by then.
  module Rehearsal
    HEADERS = {
      'lambda-runtime-aws-request-id' => '00000000-0000-0000-0000-000000000000', 'lambda-runtime-deadline-ms' => '0',
      'lambda-runtime-invoked-function-arn' => 'arn:aws:lambda:us-east-1:000000000000:function:rehearsal',
      'content-type' => 'application/json'
    }.freeze
    EVENT = '{"key": "value", "list": [1, 2.5, null, true]}'

    # Leaves nothing behind but touched memory.
    def self.run
      handler = RubyVM::InstructionSequence.compile("->(event:, context:) { { event: event, text: 'text' } }").eval
      function = LambdaContext::Function.new
      2.times do
        request = RuntimeAPI::Request.new(HEADERS, EVENT.dup)
        event = AwsLambda::Marshaller.marshall_request(request)
        AwsLambda::Marshaller.marshall_response(handler.call(event: event, context: LambdaContext.new(request, function)))
      end
    end
  end
end
