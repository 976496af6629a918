# frozen_string_literal: true

module AwsLambda
  # From requests to events and from results to answers. Functions may replace both methods, as they may with AWS's client.
  class Marshaller
    class << self
      def marshall_request(request)
        return request.body unless (request['Content-Type'] || 'application/json') == 'application/json'

        JSON.parse(request.body)
      end

      # JSON, or an IO and its content type: what it holds is the answer as it is.
      def marshall_response(result)
        case result
        when StringIO, IO then [result, 'application/unknown']
        else result.to_json
        end
      end
    end
  end
end
