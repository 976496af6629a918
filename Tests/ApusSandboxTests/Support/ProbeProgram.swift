/// The beginning of every Python program that a test runs inside an environment.
enum ProbeProgram {
    static let prelude = """
        import errno, os, signal, socket, sys

        def say(*words):
            print(*words, flush=True)

        def attempt(name, action, *arguments):
            "Says how it went: the errno's name when it was refused."
            try:
                result = action(*arguments)
                say(name, "allowed" if result is None else result)
            except OSError as error:
                say(name, errno.errorcode.get(error.errno, error.errno or type(error).__name__))
            except ValueError as error:
                say(name, "ValueError")

        def read(path):
            with open(path, "rb") as file:
                return file.read(4096)

        def write(path, data=b"x", flags=os.O_WRONLY | os.O_CREAT):
            file = os.open(path, flags, 0o644)
            try:
                os.write(file, data)
            finally:
                os.close(file)

        def runtime_api():
            host, port = os.environ["AWS_LAMBDA_RUNTIME_API"].split(":")
            return socket.create_connection((host, int(port)), 10)

        def wait_for_the_end():
            "Until the test ends this process: by a byte on the connection, or by a signal."
            connection = runtime_api()
            connection.settimeout(None)
            connection.recv(1)

        def use_system_calls():
            global syscall
            import ctypes
            library = ctypes.CDLL(None, use_errno=True)
            machine = 0 if os.uname().machine == "x86_64" else 1

            def syscall(numbers, *arguments):
                "`numbers`: on x86_64 and on aarch64, or one for both."
                number = numbers if isinstance(numbers, int) else numbers[machine]
                words = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
                result = library.syscall(ctypes.c_long(number), *words)
                if result < 0:
                    raise OSError(ctypes.get_errno(), "")

        """ + "\n"
}
