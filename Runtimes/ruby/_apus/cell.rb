# frozen_string_literal: true

require 'socket'

require_relative 'rehearsal'
require_relative 'search_path'

module Apus
  # Waiting ahead of demand: the channel, and the messages that come by it (docs/decisions/0006-cells-and-forks.md).
  module Cell
    CHANNEL = 4
    LOG = 3
    INIT = '/var/rapid/init'
    LONGEST = 1 << 18
    F_DUPFD = 0 # `fcntl` is a gem, and would stay loaded
    DESCRIPTORS = (3..7).freeze # channel, standard output, log, up to four control-group files

    class << self
      # Returns in each process that has become an environment, with its variables in place and the channel still open.
      #
      # That may be this process or any number of forks; this one ends when the channel is closed. Forks have another pid than
      # `avoided`.
      def wait(avoided: nil)
        @avoided = avoided
        4.times { GC.start } # what has grown old is not written to by the collector, and stays shared with the forks
        loop do
          message, descriptors = receive
          kind = message.byteslice(0, 1)
          content = message.byteslice(1..)
          return take_variables(content) if kind == 'S' && descriptors.empty?

          unless kind == 'F' && content.empty? && DESCRIPTORS.cover?(descriptors.size)
            give_up("a message that it does not understand: #{message.byteslice(0, 20).inspect} with #{descriptors.size} descriptors")
          end
          fork(descriptors)
        end
      end

      # Whether descriptor 4 is the channel, and not something of the function's that has taken the number.
      def given?
        channel.local_address.afamily == Socket::AF_UNIX && channel.getsockopt(:SOCKET, :TYPE).int == Socket::SOCK_SEQPACKET
      rescue SystemCallError
        false
      end

      def hang_up = channel.close

      private

      # A new object each time: after a fork the number is another socket's.
      def channel
        @channel = UNIXSocket.for_fd(CHANNEL).tap { |socket| socket.close_on_exec = true } if @channel.nil? || @channel.closed?
        @channel
      end

      def receive
        message, _, flags, *controls = channel.recvmsg(LONGEST, 0, 256, scm_rights: true)
        exit!(0) if message.nil? || message.empty?
        give_up('a message that is too long') if flags.anybits?(Socket::MSG_TRUNC | Socket::MSG_CTRUNC)
        [message, controls.flat_map(&:unix_rights)]
      end

      def take_variables(content)
        *entries, rest = content.force_encoding(Encoding.find('locale')).split("\0", -1)
        unless rest == '' && entries.all? { |entry| entry.index('=', 1) }
          give_up('variables that it does not understand')
        end
        ENV.replace(entries.to_h { |entry| entry.split('=', 2) })
        SearchPath.follow
      end

      # Returns in the process that waits, and in the fork, whose descriptor 4 is a channel of its own.
      def fork(descriptors)
        if Process.fork.nil?
          settle(descriptors)
          return Rehearsal.run
        end
        descriptors.each(&:close)
      rescue SystemCallError, NotImplementedError
        descriptors.each(&:close) # the function has threads; whoever asked has seen the call fail
      end

      # Goes on as pid 1 of fresh namespaces: makes the process that is to wait, the only one to return, and becomes `init`.
      def settle(descriptors)
        own, output, log, *groups = descriptors.map { |each| raised(each) }
        groups.each { |group| group.syswrite('0') }
        fill_places
        { 1 => output, 2 => output, LOG => log, CHANNEL => own }.each { |place, source| put(source, place) }
        [own, output, log, *groups].each(&:close)
        use_up_a_pid if @avoided == 2
        waiting = Process.fork
        exec([INIT, INIT], waiting.to_s, CHANNEL => CHANNEL, close_others: true) if waiting
        IO.for_fd(LOG, autoclose: false).close_on_exec = true
      rescue StandardError => problem
        give_up("no way to become an environment: #{problem.message}")
      end

      # The descriptor by a number that none of the places has: a function may have closed them.
      def raised(source)
        IO.for_fd(source.fcntl(F_DUPFD, CHANNEL + 1)).tap { source.close }
      end

      # Leaves no place free: what is put there has to replace something.
      def fill_places
        loop do
          filler = File.open(File::NULL)
          break filler.close if filler.fileno > CHANNEL

          filler.autoclose = false
        end
      end

      def put(source, place)
        target = { 1 => STDOUT, 2 => STDERR }[place] || IO.for_fd(place, autoclose: false)
        target.reopen(source)
        target.sync = true # taken from the source otherwise
      end

      def use_up_a_pid
        Process.wait(Process.spawn('/'))
      rescue SystemCallError
        nil # not executable: much less work than a fork
      end

      def give_up(problem)
        STDERR.write("runtime cell: #{problem}\n")
        exit!(1)
      end
    end
  end
end
