package com.amazonaws.services.lambda.runtime.events;

import java.util.Date;
import java.util.List;

/** Shaped as the classes of AWS's library of events are: names differ from those in the events by case. */
public class SQSEvent {
    private List<Message> records;
    private Date detailTime;

    public List<Message> getRecords() {
        return records;
    }

    public void setRecords(List<Message> records) {
        this.records = records;
    }

    public Date getDetailTime() {
        return detailTime;
    }

    public void setDetailTime(Date detailTime) {
        this.detailTime = detailTime;
    }

    public static class Message {
        private String eventSourceArn;

        public String getEventSourceArn() {
            return eventSourceArn;
        }

        public void setEventSourceArn(String eventSourceArn) {
            this.eventSourceArn = eventSourceArn;
        }
    }
}
