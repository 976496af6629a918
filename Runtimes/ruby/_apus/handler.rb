# frozen_string_literal: true

# The function by its handler string. Methods at the top of a file are private methods of every object, and are called on this one:
# its name is in the error when there is none.
class LambdaHandler
  attr_reader :handler_file_name, :handler_method_name

  # `FILE.METHOD`, or `FILE.CLASS.METHOD` where the class may lie in modules.
  def initialize(env_handler:)
    parts = env_handler.split('.')
    unless [2, 3].include?(parts.size)
      raise ArgumentError, "Invalid handler #{parts}, must be of form FILENAME.METHOD or FILENAME.CLASS.METHOD where FILENAME " \
                           'corresponds with an existing Ruby source file FILENAME.rb, CLASS is an optional module/class ' \
                           'namespace and METHOD is a callable method. If using CLASS, METHOD must be a class-level method.'
    end
    @handler_file_name = parts.first
    @handler_class = parts[1] if parts.size == 3
    @handler_method_name = parts.last
  end

  # The text of the result, or an IO with its content and the content type.
  def call_handler(request:, context:)
    target = @handler_class ? Object.const_get(@handler_class) : self
    AwsLambda::Marshaller.marshall_response(target.__send__(@handler_method_name, event: request, context: context))
  end
end
