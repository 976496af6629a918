# frozen_string_literal: true

require 'io/nonblock'
require 'socket'

module Apus
  # The Runtime API over one raw keep-alive connection.
  #
  # `respond` and `fail` send the answer and the request for the next invocation in one piece: the server answers them in order,
  # and the process is woken once per invocation instead of twice. The reply to the answer is read and ignored: whatever it says
  # (413, a lost state), the next invocation is the only way on.
  class RuntimeAPI
    # The server ended the connection.
    class Closed < StandardError; end

    # The server does not give an invocation.
    class Refused < StandardError; end

    # An invocation as it came: its headers by any case of their names, and its body.
    class Request
      attr_reader :body, :id

      def initialize(headers, body)
        @headers = headers
        @body = body
        @id = headers['lambda-runtime-aws-request-id']
      end

      def [](name) = @headers[name.downcase]
    end

    PREFIX = '/2018-06-01/runtime/'
    CHUNK = 1 << 16

    def initialize(address)
      host, _, port = address.rpartition(':')
      @host = host.empty? ? '127.0.0.1' : host.delete('[]')
      @port = port.to_i
      @tail = " HTTP/1.1\r\nHost: #{address}\r\n"
      @next = "GET #{PREFIX}invocation/next#{@tail}\r\n".b.freeze
      @piece = String.new(capacity: CHUNK)
      @unread = String.new(encoding: Encoding::BINARY)
      @asked = false
    end

    # Waits for an invocation. Raises `Closed` or a `SystemCallError` when the server has gone, `Refused` when it has none to give.
    def next
      status, headers, body = exchange_for_next
      raise Refused, "next invocation refused: #{status} #{body}" unless status == '200'

      Request.new(headers, body)
    end

    def respond(id, body, content_type)
      answer("invocation/#{id}/response", "Content-Type: #{content_type}\r\n", body)
    end

    def fail(id, headers, body) = answer("invocation/#{id}/error", headers, body)

    # An answer after which no invocation is asked for, and its reply.
    def post(path, headers, body)
      transmit(head('POST', path, headers, body.bytesize), body)
      reply
    rescue Closed, SystemCallError
      nil # the process ends anyway, and the log has it
    end

    # Says that the function is ready for its snapshot; the reply comes when an environment is restored.
    def ask_restore = transmit(head('GET', 'restore/next', '', 0))

    def await_restore = reply

    private

    def exchange_for_next
      answered = @asked
      @asked = false
      answered ? reply : transmit(@next)
      reply
    rescue Closed, SystemCallError
      raise unless answered

      # A server may refuse an answer (too large) by closing the connection half-way.
      @socket = nil
      transmit(@next)
      reply
    end

    def answer(path, headers, body)
      @asked = true
      transmit(head('POST', path, headers, body.bytesize), body, @next)
    rescue SystemCallError
      nil # `next` finds the connection closed and begins again
    end

    def head(method, path, headers, length)
      "#{method} #{PREFIX}#{path}#{@tail}#{headers}Content-Length: #{length}\r\n\r\n"
    end

    def connect
      @unread.clear
      @socket = Socket.new(@host.include?(':') ? :INET6 : :INET, :STREAM)
      @socket.connect(Socket.pack_sockaddr_in(@port, @host))
      @socket.setsockopt(Socket::IPPROTO_TCP, Socket::TCP_NODELAY, 1)
      @socket.nonblock = false # a blocking read is one system call, a patient one is three
    end

    def transmit(*parts)
      connect unless @socket
      @socket.write(*parts)
    end

    # Status, headers with lower-case names, body.
    def reply
      until (finish = @unread.index("\r\n\r\n"))
        more
      end
      first, *lines = @unread.byteslice(0, finish).force_encoding(Encoding::UTF_8).split("\r\n")
      headers = lines.to_h { |line| split(line) }
      length = headers['content-length'].to_i
      start = finish + 4
      more while @unread.bytesize < start + length
      body = @unread.byteslice(start, length).force_encoding(Encoding::UTF_8)
      @unread = @unread.byteslice(start + length, @unread.bytesize)
      [first[9, 3], headers, body]
    end

    def split(line)
      name, _, value = line.partition(':')
      [name.downcase, value.strip]
    end

    def more
      @unread << @socket.readpartial(CHUNK, @piece)
    rescue EOFError
      raise Closed
    end
  end
end
