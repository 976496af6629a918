# frozen_string_literal: true

require_relative 'cell'

module Apus
  # Snapshots of a function's init: the wait in which one is taken or forked. AWS has no hooks for Ruby.
  module Snapshot
    class << self
      # Returns the connection to go on with, in each process that is to serve: forks of this one, or this one itself.
      #
      # - given: the variables as the function found them.
      def take(api, given)
        api.ask_restore
        return wait_as_template(given) if Cell.given?

        api.await_restore
        api
      end

      private

      def wait_as_template(given)
        own = changes(given)
        Cell.wait(avoided: Process.pid)
        Cell.hang_up
        ENV.delete('_LAMBDA_TELEMETRY_LOG_FD')
        own.each { |name, value| ENV[name] = value } # what the function has set itself outlives the snapshot
        cut_connections
        Dir.chdir(Dir.pwd) # what the path led to in the template may be covered by a fresh mount
        RuntimeAPI.new(ENV.fetch('AWS_LAMBDA_RUNTIME_API'))
      end

      # What has been set since; nil for what has been removed.
      def changes(given)
        now = ENV.to_h
        (given.keys | now.keys).reject { |name| given[name] == now[name] }.to_h { |name| [name, now[name]] }
      end

      # Ends connections that the template opened, for this process: as after a restore on AWS, nobody is at the other end.
      def cut_connections
        Dir.children('/proc/self/fd').map(&:to_i).each do |number|
          socket = BasicSocket.for_fd(number)
          socket.autoclose = false
          next unless [Socket::AF_INET, Socket::AF_INET6].include?(socket.local_address.afamily)

          dead, other = Socket.pair(:UNIX, :STREAM)
          IO.for_fd(number, autoclose: false).reopen(dead)
          dead.close
          other.close
        rescue SystemCallError, ArgumentError
          next # no socket
        end
      end
    end
  end
end
