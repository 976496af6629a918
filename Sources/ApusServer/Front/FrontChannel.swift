import ApusInvoke
import ApusModel
import HTTPTypes
import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1
import NIOHTTPTypes
import NIOHTTPTypesHTTP1

/// The pipeline of a client's connection: Invoke on the event loop, then HTTP and Hummingbird for everything else.
struct FrontChannel: ServerChildChannel, HTTPChannelHandler {
    typealias Value = NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart>

    let responder: Responder
    let front: InvokeFront
    let time: any TimeSource

    init(responder: APIResponder, front: InvokeFront, time: any TimeSource) {
        self.responder = { request, writer, channel in
            try await responder.respond(request, writer, from: channel.remoteAddress)
        }
        self.front = front
        self.time = time
    }

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        channel.eventLoop.makeCompletedFuture {
            var limits = NIOHTTPDecoderLimitConfiguration()
            limits.maxHeaderListSize = InvokeChannelHandler.headLimit
            let pipeline = channel.pipeline.syncOperations
            let invoke = InvokeChannelHandler(front: front, dates: DateLine(time: time))
            try pipeline.addHandler(invoke)
            try pipeline.configureHTTPServerPipeline(
                withPipeliningAssistance: true, withErrorHandling: false, withOutboundHeaderValidation: true,
                withEncoderConfiguration: .init(), withDecoderLimitConfiguration: limits)
            try pipeline.addHandler(MalformedRequestHandler())
            try pipeline.addHandler(AnswerWatch(front: invoke))
            try pipeline.addHandler(HTTP1ToHTTPServerCodec(secure: false))
            return try NIOAsyncChannel(
                wrappingChannelSynchronously: channel, configuration: .init(isOutboundHalfClosureEnabled: true))
        }
    }

    func handle(value: Value, logger: Logger) async { await handleHTTP(asyncChannel: value, logger: logger) }
}
